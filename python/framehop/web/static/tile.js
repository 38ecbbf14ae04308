/** One stream's picture with its boxes, its name, its age and how it does. */

import { el, setAttribute, setText } from "./dom.js";
import { drawFrame, widthFor } from "./draw.js";
import { clip, clockNote, foundIn, micros, span } from "./format.js";
import { healthOf, NO_NEWS } from "./health.js";
import { toStream } from "./router.js";

const OLD_US = 3e6;
const GONE = { tone: "off", word: "gone", reason: "nobody reads this stream any more" };

export class Tile {
  shown = "";
  width = 320;
  #bitmap = null;
  #event = null;
  #error = "";
  #large;
  #canvas = el("canvas", { "aria-hidden": "true" });
  #word = el("span", { class: "chip" });
  #age = el("span", { class: "age" });
  #reason = el("span", { class: "tile-reason" });
  #found = el("span", { class: "hidden" });

  constructor(stream, { large = false } = {}) {
    this.stream = stream;
    const line = el("span", { class: "tile-line" }, el("span", { class: "tile-name", title: stream }, stream), this.#age, this.#word);
    const body = [this.#canvas, el("span", { class: "tile-foot" }, line, this.#reason, this.#found)];
    this.link = large ? el("div", { class: "tile-body" }, body)
      : el("a", { class: "tile-body", href: toStream(stream), tabindex: "-1" }, body);
    this.#large = large;
    this.root = el(large ? "div" : "li", { class: "tile", "data-stream": stream }, this.link);
  }

  /** The event that belongs to the picture on the screen, or null. */
  get event() {
    return this.#event;
  }

  /** Takes over a picture and draws it with the boxes of its own event, and of no other. */
  show({ bitmap, event }) {
    this.#bitmap?.close();
    [this.#bitmap, this.#event, this.#error] = [bitmap, event, ""];
    this.shown = event?.event_id ?? "";
    if (this.#large) this.link.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
    this.redraw();
    setAttribute(this.root, "data-event", this.shown);
  }

  redraw() {
    this.width = widthFor(this.#canvas);
    if (this.#bitmap) drawFrame(this.#canvas, this.#bitmap, this.#event);
  }

  fail(error) {
    this.#error = error.message;
  }

  /** Says how the stream does now, by what the feed knows. Returns its health. */
  update(status, feed) {
    const cameUs = this.#event ? micros(this.#event.received_at) : Number.NaN;
    const health = this.#health(status, feed, cameUs);
    const age = feed.nowUs() - cameUs;
    setAttribute(this.root, "data-tone", health.tone);
    setText(this.#word, health.word);
    setText(this.#age, Number.isFinite(age) ? `${span(age)} ago` : "");
    setAttribute(this.#age, "data-old", String(age > OLD_US));
    setText(this.#reason, clip(this.#sentence(health), 200));
    setText(this.#found, foundIn(this.#event));
    return health;
  }

  #health(status, feed, cameUs) {
    if (feed.state !== "open") return NO_NEWS;
    return status ? healthOf(status, feed.toldUs(), cameUs) : GONE;
  }

  #sentence(health) {
    if (health.tone !== "ok") return health.reason;
    return this.#error || clockNote(this.#event);
  }

  /** Gives the memory of its picture back, since hundreds may be out of sight. */
  rest() {
    this.close();
    this.shown = "";
    this.#canvas.width = 1;
  }

  close() {
    this.#bitmap?.close();
    this.#bitmap = null;
  }
}
