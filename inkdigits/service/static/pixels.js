// Grey pictures {width, height, data} of 8 bits, resampled and filtered to the last bit as Pillow does it.
// Source: Pillow's Resample.c, Reduce.c, RankFilter.c and BoxBlur.c.

export const picture = (width, height, data = new Uint8Array(width * height)) => ({ width, height, data });

/** To the nearest whole number; halves to the even one, as Python and NumPy round. */
export function rounded(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

export function transposed({ width, height, data }) {
  const result = picture(height, width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result.data[x * height + y] = data[y * width + x];
  return result;
}

/** Intersection over union of two boxes: left, top, right, bottom. */
export function overlap([left, top, right, bottom], [x0, y0, x1, y1]) {
  const shared = Math.max(0, Math.min(right, x1) - Math.max(left, x0)) * Math.max(0, Math.min(bottom, y1) - Math.max(top, y0));
  return shared / ((right - left) * (bottom - top) + (x1 - x0) * (y1 - y0) - shared);
}

/** The box of what is not 0; one without a right side where there is nothing. */
export function extent({ width, height, data }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  data.forEach((level, at) => {
    if (!level) return;
    const x = at % width;
    const y = (at - x) / width;
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  });
  return [left, top, right, bottom];
}

/** A part of a picture. */
export function cropped({ width, data }, left, top, right, bottom) {
  const result = picture(right - left, bottom - top);
  for (let y = top; y < bottom; y++) result.data.set(data.subarray(y * width + left, y * width + right), (y - top) * result.width);
  return result;
}

/** A picture with so many pixels of a level around it. */
export function framed({ width, height, data }, left, top, right, bottom, level = 0) {
  const result = picture(left + width + right, top + height + bottom);
  result.data.fill(level);
  for (let y = 0; y < height; y++) result.data.set(data.subarray(y * width, (y + 1) * width), (y + top) * result.width + left);
  return result;
}

// --- Resampling ------------------------------------------------------------------------------------------------------------

function cubic(x) {
  const at = Math.abs(x);
  const a = -0.5;
  if (at < 1) return ((a + 2) * at - (a + 3)) * at * at + 1;
  return at < 2 ? (((at - 5) * at + 8) * at - 4) * a : 0;
}

export const METHODS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, cubic],
};
const BITS = 22;

/** Another width. */
function widened({ width, height, data }, columns, [reach, filter]) {
  if (columns === width) return { width, height, data };
  const result = picture(columns, height);
  const scale = width / columns;
  const shrink = Math.max(scale, 1);
  const support = reach * shrink;
  const inverse = 1 / shrink;
  for (let column = 0; column < columns; column++) {
    const centre = (column + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(width, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let x = first; x < last; x++) weights.push(filter((x - centre + 0.5) * inverse));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const fixed = weights.map((weight) => {
      const share = (sum ? weight / sum : weight) * 2 ** BITS;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    for (let y = 0; y < height; y++) {
      let value = 2 ** (BITS - 1);
      for (let x = first; x < last; x++) value += data[y * width + x] * fixed[x - first];
      result.data[y * columns + column] = Math.min(255, Math.max(0, Math.floor(value / 2 ** BITS)));
    }
  }
  return result;
}

/** Resampled along its rows, then along its columns. */
export function resized(source, width, height, method) {
  return transposed(widened(transposed(widened(source, width, METHODS[method])), height, METHODS[method]));
}

/** Half as large: means of four pixels, or of two at the end of an odd side. */
export function halved({ width, height, data }) {
  const result = picture(Math.ceil(width / 2), Math.ceil(height / 2));
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      let sum = 0;
      let pixels = 0;
      for (let row = 2 * y; row < Math.min(height, 2 * y + 2); row++) {
        for (let column = 2 * x; column < Math.min(width, 2 * x + 2); column++) {
          sum += data[row * width + column];
          pixels += 1;
        }
      }
      result.data[y * result.width + x] = Math.floor((sum + (pixels >> 1)) / pixels);
    }
  }
  return result;
}

// --- Filters ---------------------------------------------------------------------------------------------------------------

function ranked({ width, height, data }, size, better) {
  const reach = size >> 1;
  const result = picture(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = data[y * width + x];
      for (let at = Math.max(0, x - reach); at <= Math.min(width - 1, x + reach); at++) best = better(best, data[y * width + at]);
      result.data[y * width + x] = best;
    }
  }
  return result;
}

const both = (source, change) => transposed(change(transposed(change(source))));

/** The largest value in squares of an odd side. */
export const maximum = (source, size) => both(source, (one) => ranked(one, size, Math.max));

/** The smallest. */
export const minimum = (source, size) => both(source, (one) => ranked(one, size, Math.min));

/** A row as the mean of what is near: so many pixels on either side, and a part of the next ones. */
function boxBlurred({ width, height, data }, near) {
  const reach = Math.trunc(near);
  const whole = Math.trunc(Math.fround(2 ** 24 / Math.fround(near * 2 + 1)));
  const part = Math.floor((2 ** 24 - (reach * 2 + 1) * whole) / 2);
  const result = picture(width, height);
  for (let y = 0; y < height; y++) {
    const level = (x) => data[y * width + Math.min(width - 1, Math.max(0, x))];
    let sum = 0;
    for (let x = -reach; x <= reach; x++) sum += level(x);
    for (let x = 0; x < width; x++) {
      if (x) sum += level(x + reach) - level(x - reach - 1);
      const value = sum * whole + (level(x - reach - 1) + level(x + reach + 1)) * part;
      result.data[y * width + x] = Math.floor((value + 2 ** 23) / 2 ** 24);
    }
  }
  return result;
}

/** A normal distribution, by three means in either direction; computed in 32 bits, as Pillow does it. */
export function blurred(source, deviation) {
  const f = Math.fround;
  const variance = f(f(f(deviation) * f(deviation)) / 3);
  const length = f(Math.sqrt(12 * variance + 1));
  const low = f(Math.floor((length - 1) / 2));
  let rest = f(f(2 * low + 1) * f(f(low * f(low + 1)) - f(3 * variance)));
  rest = f(rest / f(6 * f(variance - f(f(low + 1) * f(low + 1)))));
  const near = f(low + rest);
  return both(source, (one) => boxBlurred(boxBlurred(boxBlurred(one, near), near), near));
}
