// The service behind the page.

let token = sessionStorage.getItem("token");

/** An answer that is an error; its message says what to do. */
export class Problem extends Error {}

async function ask() {
  const dialog = document.getElementById("ask");
  const input = document.getElementById("token");
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  token = input.value;
  sessionStorage.setItem("token", token);
  input.value = "";
}

async function answered(path, method, body, kind = {}) {
  for (;;) {
    const headers = { ...kind, ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { method, body, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw new Problem((await response.json()).detail);
    await ask();
  }
}

const post = (path, body, kind) => answered(path, "POST", body, kind);

const BYTES = { "Content-Type": "application/octet-stream" };

function form(picture, name, part) {
  const found = new FormData();
  found.append("picture", picture, picture.name ?? "sheet.png");
  found.append(name, JSON.stringify(part));
  return found;
}

/** A file that comes with inkdigits. */
export const weights = async (name) => (await answered(`/weights/${name}`, "GET")).arrayBuffer();

/** What the service is and does. */
export const about = async () => (await fetch("/v1/about")).json();

/** What is read in a picture: the document that docs/data_dictionary.md describes. */
export const read = async (picture) => (await post("/v1/read", picture, BYTES)).json();

/** The fields of a form, on each page of a picture. */
export const fields = async (picture, template) => (await (await post("/v1/fields", form(picture, "template", template))).json()).pages;

/** Let corrections of a picture be kept. */
export const correct = async (picture, corrections) => {
  await post("/v1/corrections", form(picture, "corrections", { corrections }));
};

/** A picture of a page of the picture: "draw", with its boxes, or "explain", step by step. */
export const shown = async (what, picture, page = 1) => (await post(`/v1/${what}?pages=${page}`, picture, BYTES)).blob();
