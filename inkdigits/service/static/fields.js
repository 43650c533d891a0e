// Forms: fields are drawn over a picture, what is known of them is said, and the template is saved for `inkdigits read --fields`.

import { drawBoxes, made, rectangle, saveFile, showFile } from "./elements.js";
import { Problem, fields as readFields, shown } from "./service.js";
import { percent, text, translate, turn } from "./texts.js";

const element = (id) => document.getElementById(id);
const CHECKS = ["", "luhn", "mod11-10", "mod97-10", "ean", "isbn"];

translate();
element("language").textContent = text("other");
let form = null; // the picture, as a file
let template = { fields: [] };
let readings = {}; // by the fields' names
let asked = 0;

const tell = (error) => (element("told").textContent = error instanceof Problem ? error.message : text("lost"));

// --- What is known of a field: as it is written in its input, and as the template has it --------------------------------------

const span = (value) => (Array.isArray(value) ? value.join("–") : value ?? "");

/** "5" as a number, "1–3", "1-3" or "1 to 3" as two; undefined where there is nothing. */
function numbers(written) {
  const found = written.match(/(?<!\d\s*)-?\d+(\.\d+)?/g)?.map(Number);
  if (!found) return undefined;
  return found.length > 1 ? found.slice(0, 2) : found[0];
}

const KNOWN = {
  name: [(value) => value, (written) => written],
  cells: [(value) => value || "", (written) => Number(written) || undefined, { inputmode: "numeric" }],
  length: [span, numbers],
  pattern: [(value) => value ?? "", (written) => written || undefined, { placeholder: "date, amount, dd/dd/dddd" }],
  range: [span, (written) => [numbers(written)].flat()[1] !== undefined ? numbers(written) : undefined, { placeholder: "0–100" }],
  allowed: [(value) => (value ?? []).join(", "), (written) => written.match(/[^,\s]+/g) ?? undefined, { placeholder: "10, 20, 50" }],
};

function input(field, name) {
  const [shownAs, taken, attributes = {}] = KNOWN[name];
  const box = made("input", "", { type: "text", autocomplete: "off", ...attributes });
  box.value = shownAs(field[name]);
  box.addEventListener("change", () => {
    field[name] = taken(box.value.trim());
    changed();
  });
  return labelled(name, box);
}

function labelled(name, box) {
  const label = made("label", "", { class: "known" });
  label.append(made("span", text(`field_${name}`)), box);
  return label;
}

function checkOf(field) {
  const box = made("select");
  box.append(...CHECKS.map((name) => new Option(name || "–", name, false, name === (field.check ?? ""))));
  box.addEventListener("change", () => {
    field.check = box.value || undefined;
    changed();
  });
  return labelled("check", box);
}

function optionalOf(field) {
  const box = made("input", "", { type: "checkbox" });
  box.checked = Boolean(field.optional);
  box.addEventListener("change", () => {
    field.optional = box.checked || undefined;
    changed();
  });
  return labelled("optional", box);
}

// --- The list and the boxes -----------------------------------------------------------------------------------------------------

function verdict(field) {
  const reading = readings[field.name];
  if (!reading) return made("output", "");
  const output = made("output", reading.text ?? `? (${reading.best_text ?? "–"})`);
  output.classList.toggle("unsure", reading.text === null);
  output.title = percent(reading.confidence);
  if (reading.left_out) output.append(made("span", ` ${text("leftOut")(reading.left_out)}`, { class: "left-out" }));
  return output;
}

function show() {
  element("list").replaceChildren(
    ...template.fields.map((field) => {
      const group = made("details", "", { class: "field" });
      group.open = field === template.fields.at(-1) || template.fields.length < 4;
      const head = made("summary");
      head.append(made("strong", field.name), " ", verdict(field));
      const remove = made("button", text("remove"), { type: "button", "aria-label": `${text("remove")}: ${field.name}` });
      remove.addEventListener("click", () => {
        template.fields = template.fields.filter((other) => other !== field);
        changed();
      });
      group.append(head, ...Object.keys(KNOWN).map((name) => input(field, name)), checkOf(field), optionalOf(field), remove);
      return group;
    }),
  );
  const boxes = element("boxes");
  boxes.setAttribute("viewBox", "0 0 1 1");
  boxes.setAttribute("preserveAspectRatio", "none");
  boxes.replaceChildren(
    ...template.fields.map(({ name, box }) => rectangle(box, { unsure: readings[name]?.text === null })),
  );
  element("save").disabled = !template.fields.length;
  element("add").disabled = !form;
  element("find").checked = template.corners === "find";
}

/** Verdicts alone, so that nobody loses the place where one writes. */
function showReadings() {
  template.fields.forEach((field, place) => {
    element("list").children[place]?.querySelector("summary output").replaceWith(verdict(field));
    element("boxes").children[place]?.classList.toggle("unsure", readings[field.name]?.text === null);
  });
}

// --- Effects ----------------------------------------------------------------------------------------------------------------------

async function changed() {
  show();
  readings = {};
  const number = ++asked;
  if (!form || !template.fields.length) return;
  try {
    const [page] = await readFields(form, template);
    if (number !== asked) return;
    readings = page;
    element("told").textContent = "";
    showReadings();
  } catch (error) {
    if (number === asked) tell(error);
  }
}

/** Show the form as its fields are placed on it: the picture, or the frame in it. */
async function display() {
  const image = element("picture");
  const [wanted, corners] = [form, template.corners];
  element("frame").hidden = false;
  image.alt = form.name;
  try {
    if (corners !== "find" && (await showFile(image, wanted))) return;
    const drawn = await shown(corners === "find" ? "sheet" : "draw", wanted);
    if (form === wanted && template.corners === corners) await showFile(image, drawn); // else something else is wanted meanwhile
  } catch (error) {
    tell(error);
  }
}

const share = (value) => Math.round(value * 10_000) / 10_000;

function add(box) {
  const names = new Set(template.fields.map((field) => field.name));
  let number = template.fields.length + 1;
  while (names.has(`field${number}`)) number++;
  template.fields.push({ name: `field${number}`, box: box.map(share) });
  changed();
}

drawBoxes(element("paper"), () => Boolean(form), add);
element("add").addEventListener("click", () => {
  add([0.1, 0.1, 0.4, 0.2]);
  element("list").lastElementChild.querySelector("input").focus();
});

element("files").addEventListener("change", async (event) => {
  [form] = event.target.files;
  event.target.value = "";
  element("told").textContent = "";
  await display();
  changed();
});

element("find").addEventListener("change", async () => {
  template.corners = element("find").checked ? "find" : undefined;
  if (form) await display();
  changed();
});

/** The fields of a grid, each by itself. */
function gridded({ rows, columns, ...known }) {
  return Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const box = [column / columns, row / rows, (column + 1) / columns, (row + 1) / rows].map(share);
    return { name: `r${row + 1}c${column + 1}`, box, cells: 1, ...known };
  });
}

element("open").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  try {
    const { grid, fields, ...others } = JSON.parse(await file.text());
    const found = grid ? gridded(grid) : fields;
    if (!Array.isArray(found) || !found.every((field) => Array.isArray(field?.box) && field.box.length === 4)) throw new SyntaxError();
    if (Array.isArray(others.corners)) {
      element("told").textContent = text("ownCorners");
      return;
    }
    template = { ...others, ...(grid && { aspect: grid.columns / grid.rows }), fields: found };
    element("told").textContent = "";
    if (form) await display();
    changed();
  } catch {
    element("told").textContent = text("noTemplate")(file.name);
  }
});

element("save").addEventListener("click", () => {
  saveFile(new Blob([`${JSON.stringify(template, null, 2)}\n`], { type: "application/json" }), "template.json");
});

element("language").addEventListener("click", () => {
  turn();
  element("language").textContent = text("other");
  element("language").lang = text("code");
  show();
});
show();
