/** One event: its very frame from the log with its boxes, what was found, where the time went, and its JSON. */

import { frame, getJson, isAbort } from "./api.js";
import { el } from "./dom.js";
import { drawFrame } from "./draw.js";
import { clip, clockNote, micros, moment } from "./format.js";
import { objectList } from "./objects.js";
import { escapePath, toStream } from "./router.js";
import { stagesBar } from "./stages.js";

const JSON_SHOWN = 200_000;

export class EventView {
  title = "Event";
  #id;
  #closed = new AbortController();
  #canvas = el("canvas", { role: "img", "aria-label": "The frame with its boxes" });
  #picture = el("div", { class: "picture" }, this.#canvas);
  #body = el("div", { class: "one" }, el("p", { class: "empty" }, "Reading …"));
  #redraw = null;
  #sizes = new ResizeObserver(() => this.#redraw?.());

  constructor({ feed }, { argument: id }) {
    this.#id = id;
    feed.open();
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("a", { class: "back", href: "#/events", "aria-label": "Back to the events" }, "←"),
        el("h1", { id: "title" }, "Event"), el("code", { class: "summary cut" }, id), copyButton("Copy link", () => location.href)),
      this.#body);
    this.#sizes.observe(this.#picture);
    this.#begin();
  }

  close() {
    this.#closed.abort();
    this.#sizes.disconnect();
  }

  async #begin() {
    try {
      const event = await getJson(`events/${escapePath(this.#id)}`, this.#closed.signal);
      this.#body.replaceChildren(this.#picture, this.#side(event));
      await this.#showFrame(event);
    } catch (error) {
      if (isAbort(error)) return;
      if (this.#picture.isConnected) this.#picture.replaceChildren(el("p", { class: "empty" }, `${clip(error.message, 300)}.`));
      else this.#body.replaceChildren(el("p", { class: "empty" }, `${clip(error.message, 300)}.`));
    }
  }

  async #showFrame(event) {
    if (event.width > 0 && event.height > 0) this.#picture.style.aspectRatio = `${event.width} / ${event.height}`;
    const bitmap = await frame(event.frame, this.#closed.signal);
    this.#picture.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
    this.#redraw = () => drawFrame(this.#canvas, bitmap, event);
    this.#redraw();
    this.#picture.dataset.event = event.event_id;
  }

  #side(event) {
    const text = JSON.stringify(event, null, 2);
    return el("div", { class: "side" },
      el("section", { class: "card" }, el("h2", {}, event.outcome === "detected" ? "Found" : event.outcome), el("ul", { class: "objects", role: "list" }, objectList(event))),
      el("section", { class: "card" }, el("h2", {}, "Frame"), facts(event)),
      el("section", { class: "card" }, el("h2", {}, "Time by stage"), stagesBar(event.stages_ms)),
      el("section", { class: "card" }, el("h2", {}, "JSON ", copyButton("Copy", () => text)),
        el("pre", { class: "json", tabindex: "0", "aria-label": "The event as JSON" }, clipBlock(text))));
  }
}

const clipBlock = (text) => (text.length > JSON_SHOWN ? `${text.slice(0, JSON_SHOWN)}\n… cut; Copy has all of it` : text);

function facts(event) {
  const { frame: place, model } = event;
  const rows = [
    ["Stream", el("a", { href: toStream(event.stream) }, event.stream)],
    ["Captured", moment(micros(event.captured_at))],
    ["By the clock of", clockNote(event) || (event.clock === "camera" ? "the camera" : "ingest, on arrival")],
    ["Number", `${event.seq} of pass ${event.epoch}`],
    ["Size", `${event.width} × ${event.height}`],
    ["In the log", `${place.topic}/${place.partition} at ${place.offset}`],
    ["Lane", event.lane],
    ["Model", model ? `${clip(model.name, 60)} ${clip(model.version, 20)} on ${clip(model.provider, 30)}` : "–"],
    ["Tried", event.attempts > 1 ? `${event.attempts} times` : "once"],
  ];
  return el("dl", { class: "facts" }, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function copyButton(name, text) {
  const button = el("button", { type: "button", class: "quiet" }, name);
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Not allowed here"; // browsers allow it on HTTPS and on this machine only
    setTimeout(() => { button.textContent = name; }, 2000);
  });
  return button;
}
