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
  /** Events: "show" whenever something else is shown, "choose" when a digit is looked at, "turn" when another page is. `corrections` says what people know better. */
  constructor(corrections) {
    super();
    this.corrections = corrections;
    this.document = null;
    this.chosen = null;
    this.place = 0; // of the page that is shown, among those that were read
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

  /** The page that is shown. */
  get page() {
    return this.document?.pages[this.place];
  }

  /** The digits on it. */
  get here() {
    return this.digits.filter((digit) => digit.page === this.page?.number);
  }

  /** What was read, line by line: the texts of the words, as far as they are sure enough or were corrected. */
  get lines() {
    const lines = (this.document?.pages ?? []).flatMap((page) => page.lines);
    return lines.map((line) => line.words.map((word) => characters(word).map((one) => this.#character(one)).join("")));
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
      this.place = 0;
    }
    this.document = document;
    element("wanted").textContent = percent(1 - this.threshold);
    this.#pager();
    this.#text(this.page?.lines ?? []);
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

  /** Show another page. */
  turn(place) {
    this.place = place;
    this.chosen = null;
    this.show(this.document);
    this.dispatchEvent(new Event("turn"));
  }

  /** Give the keyboard to a digit. */
  focus(digit) {
    if (digit.page !== this.page.number) this.turn(this.document.pages.findIndex((page) => page.number === digit.page));
    element("digits").children[this.here.indexOf(digit)]?.focus();
  }

  #pager() {
    const count = this.document?.pages.length ?? 0;
    element("pager").hidden = count < 2;
    element("page").textContent = count < 2 ? "" : text("page")(this.place + 1, count);
    element("before").disabled = this.place === 0;
    element("after").disabled = this.place === count - 1;
  }

  /** What stands for a digit or a sign. */
  #character(one) {
    if ("page" in one) return this.label(one);
    return one.confidence >= this.threshold ? one.best : (one.label ?? "?");
  }

  #text(lines) {
    const answer = element("answer");
    answer.replaceChildren();
    lines.forEach((line, number) => {
      if (number) answer.append("\n");
      line.words.forEach((word, place) => {
        if (place) answer.append(" ");
        for (const one of characters(word)) {
          const label = this.#character(one);
          answer.append(label === "?" ? made("span", "?", { class: "unsure" }) : label);
        }
      });
    });
  }

  #boxes() {
    const boxes = element("boxes");
    boxes.replaceChildren();
    const { page } = this;
    if (!page) return;
    boxes.setAttribute("viewBox", `0 0 ${page.size[0]} ${page.size[1]}`);
    boxes.setAttribute("preserveAspectRatio", "none");
    for (const digit of this.here) {
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
      ...this.here.map((digit) => {
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
