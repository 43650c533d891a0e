// A picture → what the networks see of it, byte for byte as inkdigits.preparation makes it; its golden vectors hold both.

import { blurred, cropped, extent, framed, halved, maximum, minimum, picture, resized, rounded } from "./pixels.js";

const SIDE = 28;
const BOX = 20;
const CENTRE = 14;
const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const clip = (value, least, most) => Math.min(most, Math.max(least, value));

function histogram(values, bins = 256) {
  const counts = new Float64Array(bins);
  for (const value of values) counts[value] += 1;
  return counts;
}

/** The outermost pixels. */
function border({ width, height, data }) {
  const found = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 1; y < height - 1; y++) found.push(data[y * width], data[y * width + width - 1]);
  return found;
}

function cumulated(counts) {
  let sum = 0;
  return counts.map((count) => (sum += count));
}

/** The first place whose running sum is larger than a number. */
const placeOf = (below, number) => below.findIndex((sum) => sum > number);

function twiceMedian(counts) {
  const below = cumulated(counts);
  const total = below.at(-1);
  return placeOf(below, Math.floor((total - 1) / 2)) + placeOf(below, Math.floor(total / 2));
}

function percentile100(counts, percent) {
  const below = cumulated(counts);
  const total = below.at(-1);
  const place = Math.floor((percent * (total - 1)) / 100);
  const share = percent * (total - 1) - 100 * place;
  return placeOf(below, place) * (100 - share) + placeOf(below, Math.min(place + 1, total - 1)) * share;
}

/** The level that best parts 256 levels in two, by Otsu's criterion. */
function otsu(counts) {
  const below = cumulated(counts);
  const mass = cumulated(counts.map((count, level) => count * level));
  let [best, most] = [0, -Infinity];
  for (let level = 0; level < 256; level++) {
    const above = below[255] - below[level];
    const difference = (mass[255] * below[level]) / below[255] - mass[level];
    let between = (difference * difference) / (below[level] * above);
    if (!Number.isFinite(between)) between = 0;
    if (between > most) [best, most] = [level, between];
  }
  return best;
}

// --- Ink and paper -----------------------------------------------------------------------------------------------------------

const PAPER_SIDE = 64;

/** The level of the paper under light ink. */
function paperOf(source) {
  const { width, height } = source;
  const longest = Math.max(width, height);
  let small = source;
  if (longest > PAPER_SIDE) {
    const side = (length) => Math.max(1, Math.floor((2 * length * PAPER_SIDE + longest) / (2 * longest)));
    small = resized(source, side(width), side(height), "box");
  }
  const window = Math.max(3, Math.floor((35 * Math.max(small.width, small.height)) / 100) | 1);
  return resized(blurred(maximum(minimum(small, window), window), window / 4), width, height, "bilinear");
}

function leastContrast({ width, height, data }) {
  if (width === 1) return 6;
  const steps = new Float64Array(256);
  for (let y = 0; y < height; y++) {
    for (let x = y * width; x < y * width + width - 1; x++) steps[Math.abs(data[x] - data[x + 1])] += 1;
  }
  return clip(4 * twiceMedian(steps), 6, 16);
}

/** How far the ink stands out, in 200ths of a level. */
function strokeLevel(doubled) {
  const threshold = otsu(Float64Array.from({ length: 256 }, (_, level) => doubled[2 * level] + doubled[2 * level + 1]));
  const strokes = doubled.map((count, level) => (level <= 2 * threshold ? 0 : count));
  return strokes.some((count) => count) ? percentile100(strokes, 60) : 0;
}

/** Ink, 0 to 255, apart from its paper, which is 0. */
export function ink(source) {
  let counts = histogram(source.data);
  const weighed = counts.slice();
  for (const level of border(source)) weighed[level] += 4;
  let median2 = twiceMedian(weighed);
  if (sumOf(counts.map((count, level) => count * (median2 - 2 * level))) > 0) {
    source = picture(source.width, source.height, source.data.map((level) => 255 - level));
    counts = counts.slice().reverse();
    median2 = 510 - median2;
  }
  const even = sumOf(counts.filter((_, level) => Math.abs(median2 - 2 * level) <= 6));
  let levels = source.data;
  let above = Array.from({ length: 256 }, (_, level) => Math.max(2 * level - median2, 0));
  if (100 * even < 30 * source.data.length) {
    const paper = paperOf(source).data;
    levels = source.data.map((level, place) => Math.max(level, paper[place]) - paper[place]);
    counts = histogram(levels);
    above = Array.from({ length: 256 }, (_, level) => 2 * level);
  }
  const doubled = new Float64Array(512);
  above.forEach((distance, level) => (doubled[distance] += counts[level]));
  const full = strokeLevel(doubled);
  const result = picture(source.width, source.height);
  if (full < 200 * leastContrast(source)) return result;
  const shades = above.map((distance) => clip(Math.floor((34_000 * distance) / full) - 85, 0, 255));
  levels.forEach((level, place) => (result.data[place] = shades[level]));
  return result;
}

// --- Connected components ------------------------------------------------------------------------------------------------

/** Number what hangs together, corners included; 0 is paper. */
export function components({ width, height, data }) {
  const numbers = new Int32Array(data.length);
  const waiting = [];
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || numbers[start]) continue;
    numbers[start] = ++count;
    waiting.push(start);
    while (waiting.length) {
      const at = waiting.pop();
      const x = at % width;
      const y = (at - x) / width;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const near = row * width + column;
          if (data[near] && !numbers[near]) {
            numbers[near] = count;
            waiting.push(near);
          }
        }
      }
    }
  }
  return { numbers, count };
}

/** Which components at the border are of a frame, a ruling or a neighbour. */
function frames({ width, height, data }, { numbers, count }, weights) {
  const reach = new Map();
  const touch = (x, y) => {
    const number = numbers[y * width + x];
    if (!number) return;
    const [x0, y0, x1, y1] = reach.get(number) ?? [x, y, x, y];
    reach.set(number, [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)]);
  };
  for (let x = 0; x < width; x++) [0, height - 1].forEach((y) => touch(x, y));
  for (let y = 0; y < height; y++) [0, width - 1].forEach((x) => touch(x, y));
  if (!reach.size || Math.min(width, height) < 32) return [];
  const margin = Math.floor((15 * Math.min(width, height)) / 100);
  const within = new Float64Array(count + 1);
  for (let y = margin; y < height - margin; y++) {
    for (let at = y * width + margin; at < y * width + width - margin; at++) within[numbers[at]] += data[at];
  }
  const total = sumOf(weights);
  const free = total - sumOf([...reach.keys()].map((number) => weights[number]));
  return [...reach].flatMap(([number, [x0, y0, x1, y1]]) => {
    const apart = Math.max(x1 - x0, y1 - y0) + 1;
    const aside = 100 * within[number] < 15 * weights[number];
    return aside || (100 * free >= 8 * total && 100 * apart >= 40 * Math.max(width, height)) ? [number] : [];
  });
}

/** Ink of one digit without specks, and without pieces of a frame or of a neighbour. */
export function withoutDebris(inked) {
  const found = components(inked);
  const weights = new Float64Array(found.count + 1);
  inked.data.forEach((level, place) => (weights[found.numbers[place]] += level));
  const total = sumOf(weights);
  const keep = weights.map((weight) => (1000 * weight >= 15 * total ? 1 : 0));
  for (const number of frames(inked, found, weights)) keep[number] = 0;
  return picture(inked.width, inked.height, inked.data.map((level, place) => (keep[found.numbers[place]] ? level : 0)));
}

// --- 28×28 -----------------------------------------------------------------------------------------------------------------

const tight = (source) => cropped(source, ...extent(source));

function strokeWidth(source) {
  const { width, height, data } = framed(source, 1, 1, 1, 1);
  let [area, crossings] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const marked = data[at] >= 128;
      area += marked;
      crossings += (x > 0 && marked !== data[at - 1] >= 128) + (y > 0 && marked !== data[at - width] >= 128);
    }
  }
  return crossings ? (2 * area) / ((Math.PI / 4) * crossings) : 1;
}

/** A tight crop with its longer side at 20 pixels, its strokes as wide as MNIST's, its darkest pixel 255. */
function scaled(crop) {
  let source = crop;
  while (Math.max(source.width, source.height) > 160) {
    if (strokeWidth(source) < 4) source = maximum(source, 3);
    source = halved(source);
  }
  const pixel = Math.max(source.width, source.height) / BOX;
  const stroke = strokeWidth(source) / pixel;
  const missing = Math.min(Math.max(stroke, 1.7), 4.5) - stroke;
  const steps = rounded((Math.abs(missing) * pixel) / 2);
  if (steps) {
    const filter = missing > 0 ? maximum : minimum;
    const filtered = filter(framed(source, steps, steps, steps, steps), 2 * steps + 1);
    if (filtered.data.some((level) => level)) source = tight(filtered);
  }
  const longest = Math.max(source.width, source.height);
  const side = (length) => Math.max(1, rounded((length * BOX) / longest));
  const digit = resized(source, side(source.width), side(source.height), longest > BOX ? "box" : "bicubic");
  const darkest = Math.max(digit.data.reduce((most, level) => Math.max(most, level), 0), 1);
  digit.data = digit.data.map((level) => Math.floor((510 * level + darkest) / (2 * darkest)));
  if (!digit.data.some((level) => level)) return digit;
  const seen = tight(digit);
  return Math.max(seen.width, seen.height) >= BOX - 1 ? digit : scaled(seen);
}

/** Ink of one digit, scaled to the box of 20 pixels and centred by mass. */
export function normalised(inked) {
  const field = picture(SIDE, SIDE);
  if (!inked.data.some((level) => level)) return field;
  const digit = scaled(tight(inked));
  const { width, height, data } = digit;
  const mass = sumOf(data);
  if (!mass) return field;
  let [x, y] = [0, 0];
  data.forEach((level, at) => {
    x += level * (at % width);
    y += level * Math.floor(at / width);
  });
  const left = clip(rounded(CENTRE - x / mass), 0, SIDE - width);
  const top = clip(rounded(CENTRE - y / mass), 0, SIDE - height);
  return framed(digit, left, top, SIDE - width - left, SIDE - height - top);
}

/** Whether a picture has MNIST's form already. */
export function isPrepared({ width, height, data }) {
  if (width !== SIDE || height !== SIDE || data.reduce((most, level) => Math.max(most, level), 0) < 254) return false;
  const profiles = [new Float64Array(SIDE), new Float64Array(SIDE)];
  data.forEach((level, at) => {
    profiles[0][at % SIDE] += level;
    profiles[1][Math.floor(at / SIDE)] += level;
  });
  let longest = 0;
  for (const profile of profiles) {
    const first = profile.findIndex((sum) => sum);
    const last = profile.findLastIndex((sum) => sum);
    longest = Math.max(longest, last - first + 1);
    const centre = sumOf(profile.map((sum, place) => sum * place)) / Math.max(sumOf(profile), 1);
    const held = (first === 0 && centre > CENTRE) || (last === SIDE - 1 && centre < CENTRE);
    if (Math.abs(centre - CENTRE) > 0.52 && !held) return false;
  }
  return longest >= BOX - 1 && longest <= BOX;
}

/** One picture of one digit as the classifier sees it: 28×28, 0 = paper, 255 = ink. */
export const prepared = (source) => (isPrepared(source) ? source : normalised(withoutDebris(ink(source))));

// --- Strips --------------------------------------------------------------------------------------------------------------

const HEIGHT = 40;
const PAPER = 64;

/** Columns of a strip for each pixel of a picture. */
export const stripScale = ({ width, height }) => columnsOf(width, height) / width;

const columnsOf = (width, height) => Math.min(Math.max(rounded((width * HEIGHT) / height), 8), 4096);

/** A picture of a line as the line recogniser sees it: 40 rows, and columns by 32; 64 = paper, 224 = ink. */
export function strip(source) {
  const columns = columnsOf(source.width, source.height);
  const levels = resized(source, columns, HEIGHT, source.height < HEIGHT ? "bicubic" : "box");
  const median2 = twiceMedian(histogram(levels.data));
  let depth = Float64Array.from(levels.data, (level) => median2 - 2 * level);
  const aside = Math.floor(columns / 12);
  let weight = 0;
  for (let y = 5; y < HEIGHT - 5; y++) {
    for (let at = y * columns + aside; at < y * columns + columns - aside; at++) weight += depth[at] ** 3;
  }
  if (weight < 0) depth = depth.map((value) => -value);
  const counts = histogram(depth.map((value) => value + 510), 1021);
  const full = Math.max(percentile100(counts, 98) - 51_000, 3200);
  const stretched = Uint8Array.from(depth, (value) => clip(PAPER + Math.floor((16_000 * value) / full), 0, 255));
  return framed(picture(columns, HEIGHT, stretched), 0, 0, (32 - (columns % 32)) % 32, 0, PAPER);
}
