// A sheet of paper: strokes of a pen, which can be taken back.

// The pen's width, as a share of the sheet's shorter side.
const PEN = 0.08;

export class Sheet extends EventTarget {
  /** Events: "ink" whenever something is drawn or taken back. */
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.current = null;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#end(event));
    this.#draw();
  }

  get blank() {
    return this.strokes.length === 0;
  }

  undo() {
    this.strokes.pop();
    this.#draw();
  }

  clear() {
    this.strokes = [];
    this.#draw();
  }

  /** The sheet as a PNG, a third as large: digits are large enough then, and are read in half the time. */
  picture() {
    const small = document.createElement("canvas");
    [small.width, small.height] = [this.canvas.width, this.canvas.height].map((side) => Math.round(side / 3));
    small.getContext("2d").drawImage(this.canvas, 0, 0, small.width, small.height);
    return new Promise((resolve) => small.toBlob(resolve, "image/png"));
  }

  #point(event) {
    const area = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * this.canvas.width;
    const y = ((event.clientY - area.top) / area.height) * this.canvas.height;
    // A mouse has no pressure: it tells 0.5 while a button is down.
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
    return { x, y, width: PEN * Math.min(this.canvas.width, this.canvas.height) * Math.min(pressure, 1.25) };
  }

  #begin(event) {
    if (!event.isPrimary || event.button !== 0) return; // one finger writes
    this.canvas.setPointerCapture(event.pointerId);
    this.current = { id: event.pointerId, points: [this.#point(event)] };
    this.strokes.push(this.current.points);
    this.#draw();
  }

  #move(event) {
    if (this.current?.id !== event.pointerId) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) this.current.points.push(this.#point(one));
    this.#draw();
  }

  #end(event) {
    if (this.current?.id === event.pointerId) this.current = null;
  }

  #draw() {
    const { context, canvas } = this;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = context.fillStyle = "#111";
    context.lineCap = context.lineJoin = "round";
    for (const points of this.strokes) {
      const [first] = points;
      context.beginPath();
      context.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI);
      context.fill();
      points.slice(1).forEach((point, before) => {
        context.beginPath();
        context.lineWidth = point.width;
        context.moveTo(points[before].x, points[before].y);
        context.lineTo(point.x, point.y);
        context.stroke();
      });
    }
    this.dispatchEvent(new Event("ink"));
  }
}
