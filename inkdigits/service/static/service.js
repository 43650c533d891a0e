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

async function post(path, picture) {
  for (;;) {
    const headers = { "Content-Type": "application/octet-stream", ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { method: "POST", body: picture, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw new Problem((await response.json()).detail);
    await ask();
  }
}

/** What is read in a picture: the document that docs/data_dictionary.md describes. */
export const read = async (picture) => (await post("/v1/read", picture)).json();

/** A picture of the picture: "draw", with its boxes, or "explain", step by step. */
export const shown = async (what, picture) => (await post(`/v1/${what}`, picture)).blob();
