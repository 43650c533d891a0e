// The page: a sheet to write on, pictures that are dropped, pasted or chosen, and what is read in them.

import { Answer } from "./answer.js";
import { letPhotograph } from "./camera.js";
import { Corrections, letCorrect } from "./corrections.js";
import { showFile } from "./elements.js";
import { Problem, about, read, shown } from "./service.js";
import { Sheet } from "./sheet.js";
import { letTake } from "./take.js";
import { text, translate, turn } from "./texts.js";

const element = (id) => document.getElementById(id);

translate();
element("language").textContent = text("other");
const sheet = new Sheet(element("canvas"));
const corrections = new Corrections();
const answer = new Answer(corrections);
let source = null; // the picture that is shown, as a file; null: the sheet
let asked = 0; // answers that come late are not shown

function tell(error) {
  element("told").textContent = error instanceof Problem ? error.message : text("lost");
}

// --- The sheet: read while it is written on, one request at a time -------------------------------------------------------

let busy = false;
let changed = false;

async function readSheet() {
  changed = true;
  if (busy) return;
  busy = true;
  element("answer").setAttribute("aria-busy", "true"); // what is shown meanwhile is not read out
  try {
    while (changed) {
      changed = false;
      const number = ++asked;
      const found = sheet.blank ? null : await read(await sheet.picture());
      if (number === asked && !source) answer.show(sheet.blank ? null : found);
    }
  } catch (error) {
    tell(error);
  } finally {
    busy = false;
    element("answer").setAttribute("aria-busy", "false");
  }
}

sheet.addEventListener("ink", () => {
  element("undo").disabled = sheet.blank;
  element("clear").disabled = sheet.blank && !source;
  readSheet();
});

/** The picture that is shown, as a file. */
const picture = async () => source ?? (await sheet.picture());

/** Before another picture is shown: what was corrected is kept. */
function leave() {
  stopCamera();
  if (answer.document) corrections.save(picture(), answer.digits).catch(tell);
  corrections.clear();
}

function newSheet() {
  leave();
  source = null;
  look(0);
  asked += 1;
  element("picture").hidden = true;
  element("canvas").hidden = false;
  answer.show(null);
  sheet.clear();
}

element("undo").addEventListener("click", () => sheet.undo());
element("clear").addEventListener("click", newSheet);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !sheet.blank && !source) {
    event.preventDefault();
    sheet.undo();
  }
});

// --- Zoom -------------------------------------------------------------------------------------------------------------

// Each step is so many times as close, and there are so many.
const [STEP, STEPS] = [1.5, 5];
let zoom = 0;

function look(steps) {
  zoom = Math.min(STEPS, Math.max(0, steps));
  element("paper").style.setProperty("--zoom", STEP ** zoom);
  element("closer").hidden = element("farther").hidden = !source;
  element("closer").disabled = zoom === STEPS;
  element("farther").disabled = zoom === 0;
  element("frame").tabIndex = zoom ? 0 : -1; // what scrolls can be scrolled by keys
}

element("closer").addEventListener("click", () => look(zoom + 1));
element("farther").addEventListener("click", () => look(zoom - 1));
answer.addEventListener("choose", () => element("boxes").querySelector(".chosen")?.scrollIntoView({ block: "nearest", inline: "nearest" }));

// --- Pictures ---------------------------------------------------------------------------------------------------------

/** Show a page of a picture: the file itself, or, where the browser cannot show it, as the service draws it. */
async function display(file, page = 1) {
  const picture = element("picture");
  element("canvas").hidden = true;
  picture.hidden = false;
  picture.alt = file.name;
  if (page === 1 && (await showFile(picture, file))) return;
  const drawn = await shown("draw", file, page);
  // Else another picture or page has been chosen meanwhile.
  if (source === file && page === (answer.page?.number ?? 1)) await showFile(picture, drawn);
}

answer.addEventListener("turn", () => display(source, answer.page.number).catch(tell));
for (const [name, step] of [["before", -1], ["after", 1]]) {
  element(name).addEventListener("click", () => answer.turn(answer.place + step));
}

async function readPicture(file) {
  leave();
  source = file;
  look(0);
  element("undo").disabled = true;
  element("clear").disabled = false;
  const number = ++asked;
  answer.show(null);
  element("told").textContent = text("reading");
  try {
    const [found] = await Promise.all([read(file), display(file)]);
    if (number === asked) answer.show(found);
  } catch (error) {
    if (number === asked) tell(error);
  }
}

function take(files) {
  const list = element("list");
  if (!files.length) return;
  list.hidden = files.length < 2;
  list.replaceChildren(
    ...files.map((file) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = file.name;
      button.addEventListener("click", () => readPicture(file));
      item.append(button);
      return item;
    }),
  );
  readPicture(files[0]);
}

element("files").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("dragover", () => element("paper").classList.add("over"));
document.addEventListener("dragleave", () => element("paper").classList.remove("over"));
document.addEventListener("drop", (event) => {
  element("paper").classList.remove("over");
  take([...event.dataTransfer.files]);
});

const stopCamera = letPhotograph(
  () => {
    newSheet();
    element("canvas").hidden = true;
    element("clear").disabled = false;
  },
  readPicture,
  () => (element("told").textContent = text("noCamera")),
);

// --- Corrections ----------------------------------------------------------------------------------------------------------

letTake(answer);
letCorrect(answer, corrections, picture, tell);
about().then((service) => {
  corrections.on = service.corrections;
  answer.show(answer.document);
}, tell);

// --- Steps and language --------------------------------------------------------------------------------------------------

element("explain").addEventListener("click", async () => {
  const steps = element("steps");
  const number = asked;
  try {
    const { page } = answer;
    const blob = await shown("explain", await picture(), page.number);
    if (number !== asked || page !== answer.page) return;
    URL.revokeObjectURL(steps.src);
    steps.src = URL.createObjectURL(blob);
    steps.hidden = false;
  } catch (error) {
    tell(error);
  }
});

element("language").addEventListener("click", () => {
  turn();
  element("language").textContent = text("other");
  element("language").lang = text("code");
  answer.show(answer.document);
});
answer.show(null);
