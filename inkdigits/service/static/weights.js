// The networks and pictures that come with inkdigits: from the page itself where it holds them, else from the service.

import { weights } from "./service.js";

/** The bytes of a file. */
export async function bytesOf(name) {
  const here = document.getElementById(name);
  if (!here) return new Uint8Array(await weights(name));
  return Uint8Array.from(atob(here.textContent.trim()), (one) => one.charCodeAt(0));
}
