// What was read: the text, the boxes over the picture, and each digit with its bars.

import { percent, text } from "./texts.js";

// The wanted errors on the slider.
const ERRORS = [0.5, 0.2, 0.05, 0.02, 0.01, 0.005, 0.002];

const element = (id) => document.getElementById(id);

function made(name, content = "", attributes = {}) {
  const found = document.createElement(name);
  found.textContent = content;
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  return found;
}

/** A word's characters in their order: its digits, with the signs at their places. */
function characters(word) {
  const found = word.digits.map((digit) => ({ ...digit, digit: true }));
  for (const sign of word.signs) found.splice(sign.position, 0, sign);
  return found;
}

export class Answer {
  constructor() {
    this.document = null;
    this.chosen = null;
    element("error").addEventListener("input", () => this.show(this.document));
  }

  get threshold() {
    return 1 - ERRORS[element("error").value];
  }

  /** Show a document, or nothing. */
  show(document) {
    if (document !== this.document) this.chosen = null;
    this.document = document;
    element("wanted").textContent = percent(1 - this.threshold);
    const page = document?.pages[0];
    const lines = (document?.pages ?? []).flatMap((one) => one.lines);
    this.#text(lines);
    const digits = lines.flatMap((line) => line.words.flatMap((word) => word.digits));
    const sure = digits.filter((digit) => digit.confidence >= this.threshold).length;
    element("share").textContent = digits.length ? text("share")(sure, digits.length) : "";
    element("told").textContent = document && !digits.length ? text("nothing") : "";
    this.#boxes(page);
    this.#digits(digits, page);
    element("explain").hidden = !digits.length;
    element("steps").hidden = true;
  }

  #text(lines) {
    const answer = element("answer");
    answer.replaceChildren();
    lines.forEach((line, number) => {
      if (number) answer.append("\n");
      line.words.forEach((word, place) => {
        if (place) answer.append(" ");
        for (const one of characters(word)) {
          const sure = one.confidence >= this.threshold;
          answer.append(sure ? String(one.best) : made("span", "?", { class: "unsure" }));
        }
      });
    });
  }

  #boxes(page) {
    const boxes = element("boxes");
    boxes.replaceChildren();
    if (!page) return;
    boxes.setAttribute("viewBox", `0 0 ${page.size[0]} ${page.size[1]}`);
    boxes.setAttribute("preserveAspectRatio", "none");
    for (const digit of page.lines.flatMap((line) => line.words.flatMap((word) => word.digits))) {
      const [left, top, right, bottom] = digit.box;
      const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const known = { x: left, y: top, width: right - left, height: bottom - top };
      for (const [key, value] of Object.entries(known)) box.setAttribute(key, value);
      box.classList.toggle("unsure", digit.confidence < this.threshold);
      box.classList.toggle("chosen", digit === this.chosen);
      boxes.append(box);
    }
  }

  #digits(digits, page) {
    const focused = [...element("digits").children].indexOf(document.activeElement);
    element("digits").replaceChildren(
      ...digits.map((digit) => {
        const sure = digit.confidence >= this.threshold;
        const said = text(sure ? "digit" : "unsure")(digit.best, percent(digit.confidence));
        const button = made("button", sure ? digit.best : "?", { type: "button", "aria-label": said });
        button.classList.toggle("unsure", !sure);
        button.setAttribute("aria-pressed", digit === this.chosen);
        button.addEventListener("click", () => {
          this.chosen = digit === this.chosen ? null : digit;
          this.#boxes(page);
          this.#digits(digits, page);
        });
        return button;
      }),
    );
    if (focused >= 0) element("digits").children[focused]?.focus();
    this.#bars();
  }

  #bars() {
    const detail = element("detail");
    detail.hidden = !this.chosen;
    detail.replaceChildren();
    if (!this.chosen) return;
    const { probabilities } = this.chosen;
    const none = Math.max(0, 1 - probabilities.reduce((sum, one) => sum + one, 0));
    const table = made("table");
    table.append(made("caption", text("bars")));
    [...probabilities, none].forEach((probability, label) => {
      const row = made("tr");
      const name = label < 10 ? String(label) : text("none");
      const bar = made("td");
      bar.append(made("meter", "", { min: 0, max: 1, value: probability, "aria-label": name }));
      row.append(made("th", name, { scope: "row" }), bar, made("td", percent(probability)));
      table.append(row);
    });
    detail.append(table);
  }
}
