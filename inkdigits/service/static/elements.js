// Elements of the page.

/** A new element with a text and attributes. */
export function made(name, content = "", attributes = {}) {
  const found = document.createElement(name);
  found.textContent = content;
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  return found;
}

/** A box over a picture, with the classes that are true of it. */
export function rectangle([left, top, right, bottom], classes) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const sides = { x: left, y: top, width: right - left, height: bottom - top };
  for (const [key, value] of Object.entries(sides)) found.setAttribute(key, value);
  for (const [name, holds] of Object.entries(classes)) found.classList.toggle(name, holds);
  return found;
}

/** Put a file into an image; false where the browser cannot show it. */
export function showFile(image, blob) {
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
  });
}

/** Let the browser save a file. */
export function saveFile(blob, name) {
  const link = made("a", "", { download: name });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href)); // the browser has begun by then
}

/** Let boxes be drawn over a picture: `drawn` gets left, top, right, bottom as shares of it, whenever `active()` holds. */
export function drawBoxes(paper, active, drawn) {
  let first = null;
  let band = null;
  const place = (event) => {
    const area = paper.getBoundingClientRect();
    const share = (value, side) => Math.min(1, Math.max(0, value / side));
    return [share(event.clientX - area.left, area.width), share(event.clientY - area.top, area.height)];
  };
  const box = ([x0, y0], [x1, y1]) => [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  const begin = (event) => {
    if (!active() || !event.isPrimary || event.button !== 0) return;
    event.stopPropagation(); // nothing is written meanwhile
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    first = place(event);
    band = made("div", "", { class: "band" });
    paper.append(band);
  };
  const move = (event) => {
    if (!first) return;
    event.stopPropagation();
    const [left, top, right, bottom] = box(first, place(event)).map((share) => `${100 * share}%`);
    Object.assign(band.style, { left, top, width: `calc(${right} - ${left})`, height: `calc(${bottom} - ${top})` });
  };
  const end = (event) => {
    if (!first) return;
    event.stopPropagation();
    const found = box(first, place(event));
    band.remove();
    first = band = null;
    if (event.type === "pointerup" && found[2] - found[0] > 0.002 && found[3] - found[1] > 0.002) drawn(found);
  };
  paper.addEventListener("pointerdown", begin, true);
  paper.addEventListener("pointermove", move, true);
  for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, end, true);
}
