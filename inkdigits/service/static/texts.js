// What the page says, in the languages that it knows.

const texts = {
  en: {
    lead: "Write digits, or show a picture of some. Nothing leaves this service.",
    give: "Write here",
    read: "What is read",
    canvas: "Paper to write on. Without a pen or mouse, choose a picture instead.",
    undo: "Undo",
    clear: "New sheet",
    choose: "Choose pictures",
    hint: "Pictures can also be dropped or pasted here.",
    error: "Largest chance of error",
    digits: "The digits, one by one",
    explain: "Show the steps",
    steps: "The steps from the picture to its digits",
    token: "This service asks for a token:",
    go: "Go on",
    nothing: "No digit is seen.",
    reading: "Reading …",
    lost: "The service does not answer. Is it still running?",
    share: (sure, all) => `${sure} of ${all} digits are as sure as that${sure < all ? "; the others are “?”" : ""}.`,
    digit: (best, confidence) => `${best}, ${confidence}`,
    unsure: (best, confidence) => `unsure: perhaps ${best}, ${confidence}`,
    bars: "How likely each answer is",
    none: "no digit",
    camera: "Camera",
    shoot: "Take the picture",
    video: "What the camera sees",
    noCamera: "The camera cannot be used: allow it, or choose a picture.",
    doubtful: "Check the doubtful ones",
    missed: "Mark a missed digit",
    how: "Choose a digit and type what it is; “-” if it is none. Corrections are kept on this service, with the picture.",
    save: (count) => `Save ${count} correction${count === 1 ? "" : "s"}`,
    saved: "Saved",
    corrected: (label) => (label === null ? "corrected: no digit" : `corrected: ${label}`),
    added: "missed: type what it is",
    is: (name) => `It is: ${name}`,
    other: "Deutsch",
    code: "de",
  },
  de: {
    lead: "Ziffern schreiben oder ein Bild davon zeigen. Nichts verlässt diesen Dienst.",
    give: "Hier schreiben",
    read: "Gelesen",
    canvas: "Papier zum Schreiben. Ohne Stift oder Maus lässt sich stattdessen ein Bild wählen.",
    undo: "Rückgängig",
    clear: "Neues Blatt",
    choose: "Bilder wählen",
    hint: "Bilder können auch hierher gezogen oder eingefügt werden.",
    error: "Höchste Wahrscheinlichkeit eines Fehlers",
    digits: "Die Ziffern einzeln",
    explain: "Schritte zeigen",
    steps: "Die Schritte vom Bild zu seinen Ziffern",
    token: "Dieser Dienst verlangt ein Token:",
    go: "Weiter",
    nothing: "Keine Ziffer zu sehen.",
    reading: "Liest …",
    lost: "Der Dienst antwortet nicht. Läuft er noch?",
    share: (sure, all) => `${sure} von ${all} Ziffern sind so sicher${sure < all ? "; die anderen sind „?“" : ""}.`,
    digit: (best, confidence) => `${best}, ${confidence}`,
    unsure: (best, confidence) => `unsicher: vielleicht ${best}, ${confidence}`,
    bars: "Wie wahrscheinlich jede Antwort ist",
    none: "keine Ziffer",
    camera: "Kamera",
    shoot: "Aufnehmen",
    video: "Was die Kamera sieht",
    noCamera: "Die Kamera lässt sich nicht benutzen: bitte erlauben, oder ein Bild wählen.",
    doubtful: "Zweifelhafte prüfen",
    missed: "Übersehene Ziffer markieren",
    how: "Eine Ziffer wählen und die richtige tippen; „-“, wenn es keine ist. Berichtigungen werden in diesem Dienst behalten, mit dem Bild.",
    save: (count) => `${count} Berichtigung${count === 1 ? "" : "en"} speichern`,
    saved: "Gespeichert",
    corrected: (label) => (label === null ? "berichtigt: keine Ziffer" : `berichtigt: ${label}`),
    added: "übersehen: die richtige Ziffer tippen",
    is: (name) => `Es ist: ${name}`,
    other: "English",
    code: "en",
  },
};

let language = navigator.languages.map((code) => code.slice(0, 2)).find((code) => code in texts) ?? "en";

/** A text in the language of the page. */
export const text = (name) => texts[language][name];

/** A share as a percentage, in the language of the page. */
export const percent = (share, digits = 1) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(share);

/** Write every text of the page. */
export function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  for (const element of document.querySelectorAll("[data-alt]")) element.alt = text(element.dataset.alt);
}

/** Take the other language. */
export function turn() {
  language = text("code");
  translate();
}
