// What was read, to be taken elsewhere: into the clipboard, or a file.

import { saveFile } from "./elements.js";
import { text } from "./texts.js";

const element = (id) => document.getElementById(id);
const quoted = (word) => (/[",]/.test(word) ? `"${word}"` : word);

/** Let the words be copied, as a spreadsheet takes them, and saved as CSV: a row for each line. */
export function letTake(answer) {
  const copy = element("copy");
  copy.hidden = !navigator.clipboard; // browsers have it where the connection is safe: on this machine, or by HTTPS
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(answer.lines.map((words) => words.join("\t")).join("\n"));
    copy.textContent = text("copied");
  });
  element("csv").addEventListener("click", () => {
    const rows = answer.lines.map((words) => `${words.map(quoted).join(",")}\n`);
    saveFile(new Blob(rows, { type: "text/csv" }), "inkdigits.csv");
  });
  answer.addEventListener("show", () => {
    element("take").hidden = !answer.lines.length;
    copy.textContent = text("copy");
  });
}
