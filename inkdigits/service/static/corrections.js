// What people know better than the reader: the right digit at a place, that there is none, or that one was missed.

import { drawBoxes } from "./elements.js";
import { overlap } from "./pixels.js";
import { correct } from "./service.js";
import { text } from "./texts.js";

const element = (id) => document.getElementById(id);
const key = (digit) => `${digit.page}:${digit.box}`;
// Two boxes are the same digit, read twice, from this intersection over union on.
const SAME = 0.3;

export class Corrections extends EventTarget {
  /** Events: "change" whenever something was corrected. */
  #labels = new Map(); // {digit, label} by their places
  #saved = new Map();
  on = false; // the service keeps corrections
  added = []; // digits that were missed: {page, box}

  has(digit) {
    return this.#labels.has(key(digit));
  }

  /** What a digit is: "0" to "9", or null where it is none. */
  label(digit) {
    return this.#labels.get(key(digit)).label;
  }

  set(digit, label) {
    this.#labels.set(key(digit), { digit, label: label === null ? null : String(label) });
    this.#changed();
  }

  /** A digit that was missed. */
  add(page, box) {
    const digit = { page, box };
    this.added.push(digit);
    this.#changed();
    return digit;
  }

  /** Of another reading of the same picture: what was said of digits that are no longer there is forgotten. */
  keep(digits) {
    const known = [...digits, ...this.added];
    const labels = [...this.#labels.values()];
    this.#labels.clear();
    for (const { digit, label } of labels) {
      const same = known.find((one) => one.page === digit.page && overlap(one.box, digit.box) >= SAME);
      if (same) this.#labels.set(key(same), { digit: same, label });
    }
    this.#told();
  }

  /** Begin with another picture. */
  clear() {
    this.#labels.clear();
    this.#saved = new Map();
    this.added = [];
    this.#told();
  }

  #unsaved(digits) {
    return digits.filter((digit) => this.has(digit) && this.#saved.get(key(digit)) !== this.label(digit));
  }

  /** Let the service keep what was said of these digits of a picture, a promise of a file, and was not kept yet. */
  async save(picture, digits) {
    const some = this.#unsaved(digits);
    if (!some.length) return;
    const labels = some.map((digit) => this.label(digit));
    const saved = this.#saved; // another picture may be shown before the service has answered
    await correct(
      await picture,
      some.map(({ page, box, best = null, confidence = null }, place) => {
        const label = labels[place] === null ? null : Number(labels[place]);
        return { page, box, label, read: best, confidence };
      }),
    );
    some.forEach((digit, place) => saved.set(key(digit), labels[place]));
    this.#told();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
    this.#told();
  }

  /** Write on the button how many are to be saved. */
  #told() {
    const unsaved = [...this.#labels].filter(([place, { label }]) => this.#saved.get(place) !== label).length;
    const save = element("save");
    save.textContent = unsaved || !this.#saved.size ? text("save")(unsaved) : text("saved");
    save.disabled = !unsaved;
  }
}

/** Let digits be corrected: by keys where one has the keyboard, by the labels of its bars, and by boxes around missed ones. */
export function letCorrect(answer, corrections, picture, failed) {
  const doubtful = () =>
    answer.digits.filter((digit) => !answer.sure(digit)).sort((one, other) => (one.confidence ?? 0) - (other.confidence ?? 0))[0];

  element("digits").addEventListener("keydown", (event) => {
    const place = [...element("digits").children].indexOf(document.activeElement);
    const digit = answer.here[place];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!digit || event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) answer.focus(answer.here[place + step] ?? digit);
    else if (corrections.on && /^[0-9]$/.test(event.key)) corrections.set(digit, event.key);
    else if (corrections.on && ["-", "Delete", "Backspace"].includes(event.key)) corrections.set(digit, null);
    else return;
    event.preventDefault();
    if (step) return;
    const next = doubtful();
    if (next) answer.focus(next);
    else element("save").focus();
  });

  element("doubtful").addEventListener("click", () => answer.focus(doubtful()));

  const missed = element("missed");
  const mark = (on) => {
    missed.setAttribute("aria-pressed", on);
    element("paper").classList.toggle("marking", on);
  };
  missed.addEventListener("click", () => mark(missed.getAttribute("aria-pressed") !== "true"));
  drawBoxes(
    element("paper"),
    () => missed.getAttribute("aria-pressed") === "true",
    (shares) => {
      const { page } = answer;
      if (!page) return;
      const [width, height] = page.size;
      const sides = [width, height, width, height];
      const box = shares.map((share, side) => (side < 2 ? Math.floor : Math.ceil)(share * sides[side]));
      mark(false);
      const digit = corrections.add(page.number, box);
      answer.choose(digit);
      answer.focus(digit);
    },
  );

  answer.addEventListener("show", () => {
    element("correct").hidden = !corrections.on || !answer.document;
    element("doubtful").disabled = !doubtful();
  });
  element("save").addEventListener("click", () => corrections.save(picture(), answer.digits).catch(failed));
}
