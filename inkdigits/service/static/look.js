// Look inside: what three networks make of a digit, layer by layer; everything is computed in the browser.

import { made, rectangle } from "./elements.js";
import { greyOf, input, readPicture, rows } from "./local.js";
import { Network } from "./network.js";
import { picture, resized } from "./pixels.js";
import { prepared } from "./preparation.js";
import { Problem } from "./service.js";
import { Sheet } from "./sheet.js";
import { percent, text, translate, turn } from "./texts.js";
import { bytesOf } from "./weights.js";

const element = (id) => document.getElementById(id);
// Digits that are less sure are "?".
const THRESHOLD = 0.98;
// Pictures are reduced to this side before they are read.
const LONGEST = 1000;
// The training images stand in rows of so many, 30 of each digit.
const [COLUMNS, EACH, SHOWN] = [20, 30, 8];
// A patch of paper of this side is laid on the digit, so many pixels apart.
const [PATCH, STEP] = [5, 2];

translate();
element("language").textContent = text("other");
const sheet = new Sheet(element("canvas"));
let source = null; // a picture; null: the sheet
let grey = null; // what is read
let digits = [];
let chosen = 0;
let turns = 0; // what was begun for an earlier digit is given up

// --- Networks -----------------------------------------------------------------------------------------------------------

const NAMES = { digit: "digit.onnx", line: "line.onnx", cnn: "cnn.onnx", numpy: "numpy.onnx" };
const networks = {};
const ready = Promise.all(
  Object.entries(NAMES).map(async ([name, file]) => {
    networks[name] = new Network(await bytesOf(file));
  }),
).catch((error) => {
  element("told").textContent = error instanceof Problem ? error.message : text("lost");
  throw error;
});

/** What most programs do: the picture is squeezed to 28×28, and turned so that ink is light. */
function squeezed(source) {
  const small = resized(source, 28, 28, "box");
  const dark = source.data.reduce((sum, level) => sum + level, 0) > 127.5 * source.data.length;
  return dark ? picture(28, 28, small.data.map((level) => 255 - level)) : small;
}

// --- Pixels on the page ---------------------------------------------------------------------------------------------------

function draw(canvas, { width, height }, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) image.data.set([...colour(at), 255], 4 * at);
  context.putImageData(image, 0, 0);
}

const drawGrey = (canvas, image) => draw(canvas, image, (at) => [image.data[at], image.data[at], image.data[at]]);

// --- Reading --------------------------------------------------------------------------------------------------------------

const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

function label(probabilities) {
  const place = best(probabilities);
  return probabilities[place] < THRESHOLD || place > 9 ? "?" : String(place);
}

async function read() {
  await ready;
  grey = source ?? greyOf(element("canvas"));
  digits = !source && sheet.blank ? [] : readPicture(networks, grey);
  chosen = Math.min(chosen, Math.max(0, digits.length - 1));
  const blank = !source && sheet.blank;
  element("told").textContent = digits.length || blank ? "" : text("nothing");
  element("answer").replaceChildren(
    ...digits.map(({ probabilities }) => {
      const found = label(probabilities);
      return found === "?" ? made("span", "?", { class: "unsure" }) : found;
    }),
  );
  const boxes = element("boxes");
  boxes.setAttribute("viewBox", `0 0 ${grey.width} ${grey.height}`);
  boxes.setAttribute("preserveAspectRatio", "none");
  show();
}

function show() {
  const boxes = element("boxes");
  boxes.replaceChildren(
    ...digits.map(({ box, probabilities }, place) =>
      rectangle(box, { unsure: label(probabilities) === "?", chosen: place === chosen }),
    ),
  );
  const focused = [...element("digits").children].indexOf(document.activeElement);
  element("digits").replaceChildren(
    ...(digits.length > 1 ? digits : []).map(({ probabilities }, place) => {
      const found = label(probabilities);
      const said = text(found === "?" ? "unsure" : "digit")(best(probabilities), percent(Math.max(...probabilities)));
      const button = made("button", found, { type: "button", "aria-label": said, "aria-pressed": place === chosen });
      button.classList.toggle("unsure", found === "?");
      button.addEventListener("click", () => {
        chosen = place;
        show();
      });
      return button;
    }),
  );
  if (focused >= 0) element("digits").children[focused]?.focus();
  element("inside").hidden = !digits.length;
  const digit = digits[chosen];
  showNetworks(digit);
  turns += 1;
  if (digit) showInside(digit.image, turns);
}

/** The bars of every network, under what it sees. */
function showNetworks(digit) {
  const whole = digits.length > 1 ? digit?.part : grey; // of a line the digit, since these networks know no lines
  const seen = digit && (element("prepare").checked ? prepared(digit.part) : squeezed(whole));
  const columns = [
    ["numpy", seen],
    ["cnn", seen],
    ["reader", digit?.image],
  ];
  element("networks").replaceChildren(
    ...columns.map(([name, image]) => {
      const column = made("div", "", { class: "network" });
      const canvas = made("canvas", "", { class: "pixels", role: "img", "aria-label": text("sees")(text(name)) });
      drawGrey(canvas, image ?? picture(28, 28));
      const answer = made("p", "", { class: "verdict" });
      const probabilities = name === "reader" ? digit?.probabilities : image && rows(networks[name], networks[name].run(input(image)))[0];
      const table = made("table");
      (probabilities ?? new Array(name === "reader" ? 11 : 10).fill(0)).forEach((probability, place) => {
        const row = made("tr");
        const said = place < 10 ? String(place) : text("none");
        const bar = made("td");
        bar.append(made("meter", "", { min: 0, max: 1, value: probability, "aria-label": said }));
        row.append(made("th", place < 10 ? said : "–", { scope: "row", title: said }), bar);
        table.append(row);
      });
      if (probabilities) {
        const place = best(probabilities);
        const sure = percent(probabilities[place], 1);
        answer.textContent = place > 9 ? `${text("none")}, ${sure}` : `${place}, ${sure}`;
      }
      column.append(made("h3", text(name)), canvas, answer, table);
      return column;
    }),
  );
}

// --- Inside the reader's network --------------------------------------------------------------------------------------------

const pause = () => new Promise((resolve) => setTimeout(resolve));

async function showInside(image, turn) {
  const tensors = networks.digit.run(input(image));
  showMaps(tensors);
  drawGrey(element("occlusion"), image);
  element("known").replaceChildren();
  await new Promise((resolve) => setTimeout(resolve, 300)); // while one writes, there is no time for more
  if (turn === turns) await showOcclusion(image, turn);
  if (turn === turns) await showNearest(featuresOf(tensors)[0], turn);
}

const layersOf = () => networks.digit.nodes.filter((node) => node.operator === "Relu").map((node) => node.outputs[0]);

/** Every map of every layer, side by side; the largest value of a layer is white. */
function showMaps(tensors) {
  element("maps").replaceChildren(
    ...layersOf().map((name, place) => {
      const { shape, data } = tensors.get(name);
      const [, maps, height, width] = shape;
      const across = Math.min(maps, 16);
      const most = data.reduce((largest, value) => Math.max(largest, value), 1e-9);
      const scale = Math.ceil(28 / width); // small maps are enlarged, so that all layers look alike
      const [wide, high] = [width * scale + 2, height * scale + 2];
      const whole = { width: across * wide - 2, height: Math.ceil(maps / across) * high - 2 };
      const canvas = made("canvas", "", { class: "pixels maps", role: "img", "aria-label": text("layer")(place + 1, maps, width) });
      draw(canvas, whole, (at) => {
        const [x, y] = [at % whole.width, Math.floor(at / whole.width)];
        const map = Math.floor(y / high) * across + Math.floor(x / wide);
        const [column, row] = [Math.floor((x % wide) / scale), Math.floor((y % high) / scale)];
        if (map >= maps || column >= width || row >= height) return [90, 110, 150];
        const level = Math.round((255 * data[(map * height + row) * width + column]) / most);
        return [level, level, level];
      });
      const figure = made("figure");
      figure.append(canvas, made("figcaption", text("layer")(place + 1, maps, width)));
      return figure;
    }),
  );
}

/** How much less sure the network is where a patch of paper hides a part of the digit. */
async function showOcclusion(image, turn) {
  const [scores] = rows(networks.digit, networks.digit.run(input(image)));
  const place = best(scores);
  const [loss, times] = [new Float64Array(784), new Float64Array(784)];
  for (let y = 2 - PATCH; y < 28; y += STEP) {
    const patches = [];
    for (let x = 2 - PATCH; x < 28; x += STEP) {
      const covered = [];
      for (let row = Math.max(0, y); row < Math.min(28, y + PATCH); row++) {
        for (let column = Math.max(0, x); column < Math.min(28, x + PATCH); column++) covered.push(row * 28 + column);
      }
      if (covered.some((at) => image.data[at])) patches.push(covered);
    }
    if (!patches.length) continue;
    const hidden = patches.map((covered) => {
      const data = image.data.slice();
      for (const at of covered) data[at] = 0;
      return picture(28, 28, data);
    });
    const found = rows(networks.digit, networks.digit.run(input(...hidden)));
    patches.forEach((covered, number) => {
      for (const at of covered) {
        loss[at] += Math.max(0, scores[place] - found[number][place]);
        times[at] += 1;
      }
    });
    await pause();
    if (turn !== turns) return;
  }
  const mean = loss.map((sum, at) => sum / Math.max(times[at], 1));
  const most = Math.max(0.02, ...mean);
  draw(element("occlusion"), image, (at) => {
    const share = mean[at] / most;
    const level = 0.6 * image.data[at];
    return [level + (255 - level) * share, level * (1 - share), level * (1 - share)];
  });
}

// --- Training images --------------------------------------------------------------------------------------------------------

let known = null; // {image, label, features}

async function training() {
  const image = await createImageBitmap(new Blob([await bytesOf("known.png")], { type: "image/png" }));
  const canvas = made("canvas", "", { width: image.width, height: image.height });
  canvas.getContext("2d").drawImage(image, 0, 0);
  const grey = greyOf(canvas);
  return Array.from({ length: 10 * EACH }, (_, number) => {
    const [left, top] = [28 * (number % COLUMNS), 28 * Math.floor(number / COLUMNS)];
    const data = new Uint8Array(784);
    for (let y = 0; y < 28; y++) data.set(grey.data.subarray((top + y) * grey.width + left, (top + y) * grey.width + left + 28), 28 * y);
    return { image: picture(28, 28, data), label: Math.floor(number / EACH) };
  });
}

/** What the last layer but one says of each image, as vectors of length 1. */
function featuresOf(tensors) {
  const { shape, data } = tensors.get(layersOf().at(-1));
  const size = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, row) => {
    const vector = data.subarray(row * size, (row + 1) * size);
    const length = Math.hypot(...vector) || 1;
    return vector.map((value) => value / length);
  });
}

/** The training images that are most alike by the cosine of these vectors. */
async function showNearest(features, turn) {
  known ??= await training();
  for (let start = 0; start < known.length; start += 10) {
    const part = known.slice(start, start + 10).filter((one) => !one.features);
    if (!part.length) continue;
    const found = featuresOf(networks.digit.run(input(...part.map(({ image }) => image))));
    part.forEach((one, number) => (one.features = found[number]));
    await pause();
    if (turn !== turns) return;
  }
  const alike = ({ features: other }) => features.reduce((sum, value, place) => sum + value * other[place], 0);
  const ranked = known.map((one) => ({ ...one, likeness: alike(one) })).sort((one, other) => other.likeness - one.likeness);
  element("known").replaceChildren(
    ...ranked.slice(0, SHOWN).map(({ image, label: digit, likeness }) => {
      const figure = made("figure");
      const canvas = made("canvas", "", { class: "pixels", role: "img", "aria-label": text("alike")(digit, percent(likeness, 0)) });
      drawGrey(canvas, image);
      figure.append(canvas, made("figcaption", `${digit} · ${percent(likeness, 0)}`));
      return figure;
    }),
  );
}

// --- What is given ----------------------------------------------------------------------------------------------------------

let waiting = false;

sheet.addEventListener("ink", () => {
  element("undo").disabled = sheet.blank;
  element("clear").disabled = sheet.blank && !source;
  if (waiting) return; // once a frame is enough
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    read();
  });
});

async function take(file) {
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    element("told").textContent = text("noPicture")(file.name);
    return;
  }
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const canvas = element("picture");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // what is transparent is paper
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  source = greyOf(canvas);
  element("canvas").hidden = true;
  canvas.hidden = false;
  element("undo").disabled = true;
  element("clear").disabled = false;
  read();
}

element("files").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
element("undo").addEventListener("click", () => sheet.undo());
element("clear").addEventListener("click", () => {
  source = null;
  element("picture").hidden = true;
  element("canvas").hidden = false;
  sheet.clear();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !sheet.blank && !source) {
    event.preventDefault();
    sheet.undo();
  }
});
element("prepare").addEventListener("change", () => showNetworks(digits[chosen]));
element("language").addEventListener("click", () => {
  turn();
  element("language").textContent = text("other");
  element("language").lang = text("code");
  read();
});
read();
