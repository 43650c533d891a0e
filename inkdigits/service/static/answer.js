// What was read: the text, the boxes over the picture, and each digit with its bars.

import { made, rectangle } from "./elements.js";
import { percent, text } from "./texts.js";

// The wanted errors on the slider.
const ERRORS = [0.5, 0.2, 0.05, 0.02, 0.01, 0.005, 0.002];

const element = (id) => document.getElementById(id);

/** A word's characters in their order: its digits, with the signs at their places. */
function characters(word) {
  const found = [...word.digits];
  for (const sign of word.signs) found.splice(sign.position, 0, sign);
  return found;
}

/** The digits of a document, each with the number of its page. */
function digitsOf(document) {
  return (document?.pages ?? []).flatMap((page) =>
    page.lines.flatMap((line) => line.words.flatMap((word) => word.digits.map((digit) => Object.assign(digit, { page: page.number })))),
  );
}

export class Answer extends EventTarget {
  /** Events: "show" whenever something else is shown, "choose" when a digit is looked at. `corrections` says what people know better. */
  constructor(corrections) {
    super();
    this.corrections = corrections;
    this.document = null;
    this.chosen = null;
    element("error").addEventListener("input", () => this.show(this.document));
    corrections.addEventListener("change", () => this.show(this.document));
  }

  get threshold() {
    return 1 - ERRORS[element("error").value];
  }

  /** Every digit: those that were read, and those that were missed. */
  get digits() {
    return [...digitsOf(this.document), ...this.corrections.added];
  }

  /** Whether a digit is sure enough, or was corrected. */
  sure(digit) {
    return this.corrections.has(digit) || digit.confidence >= this.threshold;
  }

  /** What stands for a digit: "" where it is none, and "?" where that isn't known. */
  label(digit) {
    if (this.corrections.has(digit)) return this.corrections.label(digit) ?? "";
    return this.sure(digit) ? String(digit.best) : "?";
  }

  /** Show a document, or nothing. */
  show(document) {
    if (document !== this.document) {
      const known = digitsOf(document);
      this.corrections.keep(known);
      this.chosen = known.find((digit) => String(digit.box) === String(this.chosen?.box)) ?? null;
    }
    this.document = document;
    element("wanted").textContent = percent(1 - this.threshold);
    this.#text((document?.pages ?? []).flatMap((one) => one.lines));
    const { digits } = this;
    const sure = digits.filter((digit) => this.sure(digit)).length;
    element("share").textContent = digits.length ? text("share")(sure, digits.length) : "";
    element("told").textContent = document && !digits.length ? text("nothing") : "";
    this.#boxes();
    this.#digits();
    element("explain").hidden = !digits.length;
    element("steps").hidden = true;
    this.dispatchEvent(new Event("show"));
  }

  /** Look at a digit, or no longer at any. */
  choose(digit) {
    this.chosen = digit;
    this.#boxes();
    this.#digits();
    this.dispatchEvent(new Event("choose"));
  }

  /** Give the keyboard to a digit. */
  focus(digit) {
    element("digits").children[this.digits.indexOf(digit)]?.focus();
  }

  #text(lines) {
    const answer = element("answer");
    answer.replaceChildren();
    lines.forEach((line, number) => {
      if (number) answer.append("\n");
      line.words.forEach((word, place) => {
        if (place) answer.append(" ");
        for (const one of characters(word)) {
          const label = "page" in one ? this.label(one) : one.confidence >= this.threshold ? one.best : "?";
          answer.append(label === "?" ? made("span", "?", { class: "unsure" }) : label);
        }
      });
    });
  }

  #boxes() {
    const boxes = element("boxes");
    boxes.replaceChildren();
    const page = this.document?.pages[0];
    if (!page) return;
    boxes.setAttribute("viewBox", `0 0 ${page.size[0]} ${page.size[1]}`);
    boxes.setAttribute("preserveAspectRatio", "none");
    for (const digit of this.digits.filter((one) => one.page === page.number)) {
      const classes = { unsure: !this.sure(digit), corrected: this.corrections.has(digit), chosen: digit === this.chosen };
      boxes.append(rectangle(digit.box, classes));
    }
  }

  #said(digit) {
    if (this.corrections.has(digit)) return text("corrected")(this.corrections.label(digit));
    if (!("best" in digit)) return text("added");
    return text(this.sure(digit) ? "digit" : "unsure")(digit.best, percent(digit.confidence));
  }

  #digits() {
    const focused = [...element("digits").children].indexOf(document.activeElement);
    element("digits").replaceChildren(
      ...this.digits.map((digit) => {
        const button = made("button", this.label(digit) || "–", { type: "button", "aria-label": this.#said(digit) });
        button.classList.toggle("unsure", !this.sure(digit));
        button.classList.toggle("corrected", this.corrections.has(digit));
        button.setAttribute("aria-pressed", digit === this.chosen);
        button.addEventListener("click", () => this.choose(digit === this.chosen ? null : digit));
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
    const probabilities = this.chosen.probabilities ?? new Array(10).fill(0);
    const none = "best" in this.chosen ? Math.max(0, 1 - probabilities.reduce((sum, one) => sum + one, 0)) : 0;
    const table = made("table");
    table.append(made("caption", text("bars")));
    [...probabilities, none].forEach((probability, label) => {
      const row = made("tr");
      const name = label < 10 ? String(label) : text("none");
      const bar = made("td");
      bar.append(made("meter", "", { min: 0, max: 1, value: probability, "aria-label": name }));
      const head = made("th", "", { scope: "row" });
      head.append(this.corrections.on ? this.#label(name, label < 10 ? label : null) : name);
      row.append(head, bar, made("td", percent(probability)));
      table.append(row);
    });
    detail.append(table);
  }

  /** A button that says what the chosen digit is. */
  #label(name, label) {
    const button = made("button", name, { type: "button", "aria-label": text("is")(name) });
    button.addEventListener("click", () => this.corrections.set(this.chosen, label));
    return button;
  }
}
