// A network in the browser: ONNX files are parsed and run here, by the operators that our own networks have.
// Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto and docs/Operators.md.

// --- The file: protocol buffers ------------------------------------------------------------------------------------------

/** The fields of a message: [number, value], a value being a whole number or the bytes of what is nested. */
function* fieldsOf(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) yield [key >> 3, varint()];
    else {
      const size = kind === 2 ? varint() : kind === 5 ? 4 : 8;
      yield [key >> 3, bytes.subarray(at, at + size)];
      at += size;
    }
  }
}

const said = (bytes) => new TextDecoder().decode(bytes);
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whole numbers that are packed, or one of them. */
function wholes(value) {
  if (typeof value === "number") return [value];
  const found = [];
  let number = 0n;
  let shift = 0n;
  for (const byte of value) {
    number |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      found.push(Number(BigInt.asIntN(64, number)));
      number = shift = 0n;
    }
  }
  return found;
}

/** A number of 16 bits. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

// Types of tensors that our files hold, by their numbers, with the bytes of an element.
const ELEMENTS = {
  1: [4, (data, at) => data.getFloat32(at, true)],
  7: [8, (data, at) => Number(data.getBigInt64(at, true))],
  10: [2, (data, at) => half(data.getUint16(at, true))],
};

function tensorOf(bytes) {
  const shape = [];
  let name = "";
  let type = 1;
  let raw = new Uint8Array();
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) shape.push(...wholes(value));
    else if (field === 2) type = value;
    else if (field === 8) name = said(value);
    else if (field === 9) raw = value;
  }
  const [size, element] = ELEMENTS[type];
  const values = view(raw);
  const data = Float32Array.from({ length: raw.length / size }, (_, place) => element(values, place * size));
  return { name, shape, data };
}

function attributeOf(bytes) {
  let name = "";
  let value = null;
  for (const [field, content] of fieldsOf(bytes)) {
    if (field === 1) name = said(content);
    else if (field === 2) value = view(content).getFloat32(0, true);
    else if (field === 3) value = content;
    else if (field === 4) value = said(content);
    else if (field === 5) value = tensorOf(content);
    else if (field === 8) value = [...(value ?? []), ...wholes(content)];
  }
  return [name, value];
}

function nodeOf(bytes) {
  const node = { inputs: [], outputs: [], operator: "", attributes: {} };
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) node.inputs.push(said(value));
    else if (field === 2) node.outputs.push(said(value));
    else if (field === 4) node.operator = said(value);
    else if (field === 5) {
      const [name, content] = attributeOf(value);
      node.attributes[name] = content;
    }
  }
  return node;
}

const nameOf = (bytes) => said([...fieldsOf(bytes)].find(([field]) => field === 1)[1]);

// --- Operators: tensors {shape, data} in, a tensor out ---------------------------------------------------------------------

const count = (shape) => shape.reduce((product, side) => product * side, 1);
const tensor = (shape, data = new Float32Array(count(shape))) => ({ shape, data });

/** An operation on two tensors, of which one may be repeated along sides of 1. */
function elementwise(operation) {
  return ([one, other]) => {
    const sides = Math.max(one.shape.length, other.shape.length);
    const long = (shape) => [...new Array(sides - shape.length).fill(1), ...shape];
    const [a, b] = [long(one.shape), long(other.shape)];
    const result = tensor(a.map((side, place) => Math.max(side, b[place])));
    const steps = (shape) => {
      let step = 1;
      return shape.map((side) => side).reduceRight((found, side) => {
        found.unshift(side === 1 ? 0 : step);
        step *= side;
        return found;
      }, []);
    };
    const [aSteps, bSteps] = [steps(a), steps(b)];
    const index = new Array(sides).fill(0);
    let [p, q] = [0, 0];
    for (let place = 0; place < result.data.length; place++) {
      result.data[place] = operation(one.data[p], other.data[q]);
      for (let side = sides - 1; side >= 0; side--) {
        index[side]++;
        p += aSteps[side];
        q += bSteps[side];
        if (index[side] < result.shape[side]) break;
        p -= aSteps[side] * index[side];
        q -= bSteps[side] * index[side];
        index[side] = 0;
      }
    }
    return result;
  };
}

/** Pictures (N, C, H, W) with a border of zeros. */
function padded({ shape: [images, channels, height, width], data }, [top, left, bottom, right], value = 0) {
  if (!(top || left || bottom || right)) return { shape: [images, channels, height, width], data };
  const result = tensor([images, channels, height + top + bottom, width + left + right]);
  if (value) result.data.fill(value);
  const [, , rows, columns] = result.shape;
  for (let plane = 0; plane < images * channels; plane++) {
    for (let row = 0; row < height; row++) {
      const from = (plane * height + row) * width;
      result.data.set(data.subarray(from, from + width), (plane * rows + row + top) * columns + left);
    }
  }
  return result;
}

// So many kernels are applied at once, so that every value that is fetched is used as often.
const TOGETHER = 4;

/** The weights of every four kernels side by side: [taps, 4], filled up with zeros. */
function packed(weights) {
  const [kernels] = weights.shape;
  const taps = count(weights.shape.slice(1));
  const result = new Float32Array(Math.ceil(kernels / TOGETHER) * taps * TOGETHER);
  for (let kernel = 0; kernel < kernels; kernel++) {
    const start = Math.floor(kernel / TOGETHER) * taps * TOGETHER + (kernel % TOGETHER);
    for (let tap = 0; tap < taps; tap++) result[start + tap * TOGETHER] = weights.data[kernel * taps + tap];
  }
  return result;
}

function conv([input, weights, bias], { pads = [0, 0, 0, 0], strides = [1, 1], dilations = [1, 1], group = 1 }) {
  if (group !== 1) throw new Error("the network has grouped convolutions, which are not run here");
  const source = padded(input, pads);
  const [images, channels, height, width] = source.shape;
  const [kernels, , kernelHeight, kernelWidth] = weights.shape;
  const rows = Math.floor((height - dilations[0] * (kernelHeight - 1) - 1) / strides[0]) + 1;
  const columns = Math.floor((width - dilations[1] * (kernelWidth - 1) - 1) / strides[1]) + 1;
  const result = tensor([images, kernels, rows, columns]);
  const size = rows * columns;
  const offsets = new Int32Array(channels * kernelHeight * kernelWidth);
  let tap = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < kernelHeight; y++) {
      for (let x = 0; x < kernelWidth; x++) offsets[tap++] = (channel * height + y * dilations[0]) * width + x * dilations[1];
    }
  }
  weights.packed ??= packed(weights);
  const [from, to, w] = [source.data, result.data, weights.packed];
  for (let image = 0; image < images; image++) {
    for (let kernel = 0; kernel < kernels; kernel += TOGETHER) {
      const block = kernel * offsets.length;
      const [b0, b1, b2, b3] = [0, 1, 2, 3].map((more) => bias?.data[kernel + more] ?? 0);
      const p0 = (image * kernels + kernel) * size;
      const [p1, p2, p3] = [1, 2, 3].map((more) => (kernel + more < kernels ? p0 + more * size : -1));
      for (let row = 0; row < rows; row++) {
        const line = (image * channels * height + row * strides[0]) * width;
        for (let column = 0; column < columns; column += 2) {
          const base = line + column * strides[1];
          const next = column + 1 < columns ? base + strides[1] : base; // two places at once, for the same reason
          let a0 = b0;
          let a1 = b1;
          let a2 = b2;
          let a3 = b3;
          let c0 = b0;
          let c1 = b1;
          let c2 = b2;
          let c3 = b3;
          for (let place = 0, at = block; place < offsets.length; place++, at += TOGETHER) {
            const offset = offsets[place];
            const value = from[base + offset];
            const other = from[next + offset];
            const w0 = w[at];
            const w1 = w[at + 1];
            const w2 = w[at + 2];
            const w3 = w[at + 3];
            a0 += value * w0;
            a1 += value * w1;
            a2 += value * w2;
            a3 += value * w3;
            c0 += other * w0;
            c1 += other * w1;
            c2 += other * w2;
            c3 += other * w3;
          }
          const place = row * columns + column;
          const pair = next !== base;
          to[p0 + place] = a0;
          if (pair) to[p0 + place + 1] = c0;
          if (p1 >= 0) to[p1 + place] = a1;
          if (pair && p1 >= 0) to[p1 + place + 1] = c1;
          if (p2 >= 0) to[p2 + place] = a2;
          if (pair && p2 >= 0) to[p2 + place + 1] = c2;
          if (p3 >= 0) to[p3 + place] = a3;
          if (pair && p3 >= 0) to[p3 + place + 1] = c3;
        }
      }
    }
  }
  return result;
}

function maxPool([input], { kernel_shape: kernel, pads = [0, 0, 0, 0], strides = [1, 1] }) {
  const source = padded(input, pads, -Infinity);
  const [images, channels, height, width] = source.shape;
  const rows = Math.floor((height - kernel[0]) / strides[0]) + 1;
  const columns = Math.floor((width - kernel[1]) / strides[1]) + 1;
  const result = tensor([images, channels, rows, columns]);
  let place = 0;
  for (let plane = 0; plane < images * channels; plane++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let most = -Infinity;
        for (let y = 0; y < kernel[0]; y++) {
          const at = (plane * height + row * strides[0] + y) * width + column * strides[1];
          for (let x = 0; x < kernel[1]; x++) most = Math.max(most, source.data[at + x]);
        }
        result.data[place++] = most;
      }
    }
  }
  return result;
}

function batchNormalization([input, scale, bias, mean, variance], { epsilon = 1e-5 }) {
  const [, channels] = input.shape;
  const size = count(input.shape.slice(2));
  const data = input.data.map((value, place) => {
    const channel = Math.floor(place / size) % channels;
    return ((value - mean.data[channel]) / Math.sqrt(variance.data[channel] + epsilon)) * scale.data[channel] + bias.data[channel];
  });
  return tensor(input.shape, data);
}

/** For every row along an axis: its values, in place. */
function along(input, axis, change) {
  const place = axis < 0 ? axis + input.shape.length : axis;
  const side = input.shape[place];
  const inner = count(input.shape.slice(place + 1));
  const result = tensor(input.shape, input.data.slice());
  for (let start = 0; start < result.data.length; start += side * inner) {
    for (let offset = 0; offset < inner; offset++) {
      const row = Array.from({ length: side }, (_, step) => result.data[start + offset + step * inner]);
      change(row).forEach((value, step) => (result.data[start + offset + step * inner] = value));
    }
  }
  return result;
}

function softmax(row) {
  const most = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function logSoftmax(row) {
  const most = Math.max(...row);
  const log = Math.log(row.reduce((total, value) => total + Math.exp(value - most), 0));
  return row.map((value) => value - most - log);
}

function reshape([input, { data }]) {
  const shape = [...data].map((side, place) => (side === 0 ? input.shape[place] : side));
  const known = count(shape.filter((side) => side > 0));
  return tensor(
    shape.map((side) => (side < 0 ? input.data.length / known : side)),
    input.data,
  );
}

function reduceMax([input], { axes: named, keepdims = 1 }, [, given]) {
  const [axis] = given ? given.data : named;
  const place = axis < 0 ? axis + input.shape.length : axis;
  const side = input.shape[place];
  const inner = count(input.shape.slice(place + 1));
  const shape = keepdims ? input.shape.with(place, 1) : input.shape.toSpliced(place, 1);
  const result = tensor(shape);
  result.data.forEach((_, at) => {
    const start = Math.floor(at / inner) * side * inner + (at % inner);
    let most = -Infinity;
    for (let step = 0; step < side; step++) most = Math.max(most, input.data[start + step * inner]);
    result.data[at] = most;
  });
  return result;
}

function transpose([input], { perm }) {
  const steps = input.shape.map((_, place) => count(input.shape.slice(place + 1)));
  const shape = perm.map((place) => input.shape[place]);
  const index = new Array(perm.length).fill(0);
  const result = tensor(shape);
  for (let at = 0; at < result.data.length; at++) {
    result.data[at] = input.data[perm.reduce((sum, place, side) => sum + index[side] * steps[place], 0)];
    for (let side = perm.length - 1; side >= 0; side--) {
      if (++index[side] < shape[side]) break;
      index[side] = 0;
    }
  }
  return result;
}

function slice([input, starts, ends, axes, steps]) {
  if (steps && steps.data.some((step) => step !== 1)) throw new Error("the network skips values, which is not done here");
  let result = input;
  [...axes.data].forEach((axis, number) => {
    const place = axis < 0 ? axis + input.shape.length : axis;
    const side = result.shape[place];
    const bound = (value) => Math.min(side, Math.max(0, value < 0 ? value + side : value));
    const [first, last] = [bound(starts.data[number]), bound(ends.data[number])];
    const inner = count(result.shape.slice(place + 1));
    const cut = tensor(result.shape.with(place, last - first));
    const length = (last - first) * inner;
    for (let row = 0; row * length < cut.data.length; row++) {
      const from = row * side * inner + first * inner;
      cut.data.set(result.data.subarray(from, from + length), row * length);
    }
    result = cut;
  });
  return result;
}

const OPERATORS = {
  Add: elementwise((one, other) => one + other),
  Sub: elementwise((one, other) => one - other),
  Mul: elementwise((one, other) => one * other),
  Div: elementwise((one, other) => one / other),
  Pow: elementwise((one, other) => one ** other),
  Relu: ([input]) => tensor(input.shape, input.data.map((value) => Math.max(0, value))),
  Cast: ([input]) => input,
  Conv: conv,
  MaxPool: maxPool,
  BatchNormalization: batchNormalization,
  Softmax: ([input], { axis = -1 }) => along(input, axis, softmax),
  LogSoftmax: ([input], { axis = -1 }) => along(input, axis, logSoftmax),
  ReduceMax: (inputs, attributes) => reduceMax(inputs, attributes, inputs),
  Reshape: reshape,
  Squeeze: ([input, axes]) => tensor(input.shape.filter((_, place) => !axes.data.includes(place)), input.data),
  Transpose: transpose,
  Slice: slice,
};

// --- The network ---------------------------------------------------------------------------------------------------------

export class Network {
  /** From the bytes of an ONNX file. */
  constructor(bytes) {
    const [, graph] = [...fieldsOf(bytes)].find(([field]) => field === 7);
    this.nodes = [];
    this.constants = new Map();
    this.inputs = [];
    this.outputs = [];
    for (const [field, value] of fieldsOf(graph)) {
      if (field === 1) this.nodes.push(nodeOf(value));
      else if (field === 5) {
        const { name, ...content } = tensorOf(value);
        this.constants.set(name, content);
      } else if (field === 11) this.inputs.push(nameOf(value));
      else if (field === 12) this.outputs.push(nameOf(value));
    }
    const unknown = this.nodes.find((node) => !(node.operator in OPERATORS));
    if (unknown) throw new Error(`the network has the operator ${unknown.operator}, which is not run here`);
  }

  /** Every tensor, by its name, for an input {shape, data}: the outputs, and what lies between. */
  run(input) {
    const tensors = new Map(this.constants).set(this.inputs[0], input);
    for (const { operator, inputs, outputs, attributes } of this.nodes) {
      tensors.set(outputs[0], OPERATORS[operator](inputs.map((name) => tensors.get(name)), attributes));
    }
    return tensors;
  }
}
