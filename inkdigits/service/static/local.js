// Reading in the browser: a picture of one digit, or of one line, by the reader's own networks.

import { cropped, extent, overlap, picture } from "./pixels.js";
import { ink, prepared, strip, stripScale, withoutDebris } from "./preparation.js";

// As inkdigits.inference and inkdigits.reading have them: the class "nothing here" and what its odds are divided by, the number
// of digits, temperatures, and boxes that are of the same digit.
const BLANK = 10;
const TOO_CAUTIOUS = 1.4;
const DIGITS = 10;
const TEMPERATURE = 0.88;
const LINE_TEMPERATURE = 1.2;
const SAME_DIGIT = 0.55;
// Ink that is so many times as wide as it is high is a line; so much paper is left around it, in heights.
const LINE = 1.15;
const MARGIN = 0.3;

const placeOf = (values) => values.indexOf(Math.max(...values));

/** Probabilities at a temperature. */
export function tempered(probabilities, temperature) {
  const powers = probabilities.map((one) => Math.max(one, 1e-6) ** (1 / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** A picture of 28×28 as a network's input. */
export const input = (...images) => ({
  shape: [images.length, 1, 28, 28],
  data: Float32Array.from(images.flatMap(({ data }) => [...data])),
});

/** The rows of a network's first output. */
export function rows(network, tensors) {
  const { shape, data } = tensors.get(network.outputs[0]);
  return Array.from({ length: shape[0] }, (_, row) => [...data.subarray(row * shape[1], (row + 1) * shape[1])]);
}

/** Where the ink lies: left, top, right, bottom; null where there is none. */
export function inkBox(source) {
  const box = extent(withoutDebris(ink(source)));
  return box[2] ? box : null;
}

/** A part of a picture and what paper there is around it. */
function around(source, [left, top, right, bottom], margin) {
  return [
    Math.max(0, Math.floor(left - margin)),
    Math.max(0, Math.floor(top - margin)),
    Math.min(source.width, Math.ceil(right + margin)),
    Math.min(source.height, Math.ceil(bottom + margin)),
  ];
}

/** The best path through the time steps of a line: neighbours of one label are one, and blanks are left out. */
export function bestPath(steps) {
  const found = [];
  let before = -1;
  steps.forEach((scores, step) => {
    const label = placeOf(scores);
    if (label !== BLANK) {
      if (label !== before) found.push({ label, step });
      else if (scores[label] > steps[found.at(-1).step][label]) found.at(-1).step = step;
    }
    before = label;
  });
  return found;
}

/** What the line recogniser sees in a picture: digits with their probabilities, the last being that of no digit, and boxes. */
export function readLine(network, source) {
  const image = strip(source);
  const tensors = network.run({ shape: [1, 1, image.height, image.width], data: Float32Array.from(image.data) });
  const [said, offsets] = network.outputs.map((name) => tensors.get(name));
  const classes = said.shape[2];
  const steps = Array.from({ length: said.shape[1] }, (_, step) => {
    const scores = [...said.data.subarray(step * classes, (step + 1) * classes)];
    scores[BLANK] /= TOO_CAUTIOUS;
    const sum = scores.reduce((total, score) => total + score, 0);
    return scores.map((score) => Math.fround(score / sum));
  });
  const [across, down] = [stripScale(source), image.height / source.height];
  const found = [];
  for (const { label, step } of bestPath(steps)) {
    const [left, right, top, bottom] = [...offsets.data.subarray(4 * step, 4 * step + 4)].map((share) => share * image.height);
    const x = 2 * step + 1;
    const clip = (value, most) => Math.min(most, Math.max(0, value));
    const [x0, x1] = [(x - left) / across, (x + right) / across].map((value) => clip(value, source.width));
    const [y0, y1] = [top / down, bottom / down].map((value) => clip(value, source.height));
    const symbol = { label, steps: steps[step], box: [x0, y0, x1, y1] };
    const surest = (one) => Math.max(...one.steps.toSpliced(BLANK, 1));
    if (found.length && overlap(found.at(-1).box, symbol.box) > SAME_DIGIT) {
      if (surest(symbol) > surest(found.at(-1))) found[found.length - 1] = symbol;
    } else found.push(symbol);
  }
  return found
    .filter(({ label, box }) => label < DIGITS && box[2] - box[0] >= 1 && box[3] - box[1] >= 1)
    .map((symbol) => {
      const digits = symbol.steps.slice(0, DIGITS);
      const none = Math.max(0, 1 - digits.reduce((sum, one) => sum + one, 0));
      return { box: symbol.box, probabilities: tempered([...digits, none], LINE_TEMPERATURE) };
    });
}

/** What the classifier sees in a picture of one digit. */
export function readDigit(network, source) {
  const image = prepared(source);
  const [scores] = rows(network, network.run(input(image)));
  return { image, probabilities: tempered(scores, TEMPERATURE) };
}

/** The digits in a picture: of one that holds a single digit, or of a line. Each has a box and the picture that it was cut from. */
export function readPicture(networks, source) {
  const box = inkBox(source);
  if (!box) return [];
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  const whole = around(source, box, MARGIN * height);
  const part = cropped(source, ...whole);
  if (width <= LINE * height) return [{ box, part, ...readDigit(networks.digit, part) }];
  return readLine(networks.line, part).map(({ box: [left, top, right, bottom], probabilities }) => {
    const place = [left + whole[0], top + whole[1], right + whole[0], bottom + whole[1]];
    const part = cropped(source, ...around(source, place, 0.1 * (bottom - top)));
    return { box: place, part, image: prepared(part), probabilities };
  });
}

/** A grey picture of a canvas. Source: ITU-R 601, in 16 bits as Pillow computes it. */
export function greyOf(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const grey = picture(width, height);
  for (let at = 0; at < grey.data.length; at++) {
    grey.data[at] = (data[4 * at] * 19595 + data[4 * at + 1] * 38470 + data[4 * at + 2] * 7471 + 0x8000) >> 16;
  }
  return grey;
}
