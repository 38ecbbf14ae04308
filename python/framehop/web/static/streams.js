/** Every stream with its health, as `framehop stream list` shows it. */

import { postJson, session } from "./api.js";
import { el, setAttribute, setText, table } from "./dom.js";
import { bytes, clip, count, rate, span } from "./format.js";
import { healthOf, NO_NEWS } from "./health.js";
import { escapePath, toStream } from "./router.js";

const HEADINGS = [
  { title: "Stream" }, { title: "State" }, { title: "For", number: true }, { title: "Codec" }, { title: "Size" },
  { title: "Frames/s", number: true }, { title: "Last frame", number: true }, { title: "Frames", number: true },
  { title: "Bytes", number: true }, { title: "Reconnects", number: true }, { title: "Source, or what is wrong" },
];

export class StreamsView {
  title = "Streams";
  #feed;
  #rows = new Map();
  #closed = new AbortController();
  #filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter streams by name", "data-filter": true });
  #table = table("Streams", HEADINGS, []);
  #empty = el("p", { class: "empty" });
  #trouble = el("p", { class: "error", role: "alert" });

  constructor({ feed }) {
    this.#feed = feed;
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("h1", { id: "title" }, "Streams"), this.#filter), this.#trouble, el("div", { class: "card flush" }, this.#table, this.#empty));
    const { signal } = this.#closed;
    for (const news of ["streams", "state"]) feed.addEventListener(news, () => this.#show(), { signal });
    this.#filter.addEventListener("input", () => this.#show(), { signal });
    feed.open();
    this.#show();
  }

  close() {
    this.#closed.abort();
  }

  /** Writes into the rows that are there: the focus, and text that somebody marks, stay. */
  #show() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const streams = this.#feed.streams.filter((one) => one.stream.toLowerCase().includes(wanted));
    const rows = new Map(streams.map((one) => [one.stream, this.#rows.get(one.stream) ?? new Row(one.stream, (text) => setText(this.#trouble, text))]));
    if ([...rows.keys()].join() !== [...this.#rows.keys()].join()) {
      this.#table.querySelector("tbody").replaceChildren(...[...rows.values()].map((row) => row.root));
    }
    this.#rows = rows;
    for (const one of streams) rows.get(one.stream).update(one, this.#feed);
    this.#table.hidden = !streams.length;
    this.#empty.hidden = streams.length > 0;
    setText(this.#empty, wanted ? "No stream has this in its name." : "No streams yet. framehop stream add SOURCE reads one.");
  }
}

class Row {
  #chip = el("span", { class: "chip" });
  #button = el("button", { type: "button", class: "quiet", hidden: true });
  #cells = HEADINGS.slice(2).map((heading) => el("td", { class: heading.number ? "number" : "wide-cell" }));

  /** `tell`: is given why a stream could not be changed, or nothing once it is. */
  constructor(stream, tell) {
    this.#button.addEventListener("click", () => this.#change(stream, tell));
    this.root = el("tr", {}, el("td", {}, el("a", { href: toStream(stream), class: "strong" }, stream)),
      el("td", {}, this.#chip, " ", this.#button), this.#cells);
  }

  async #change(stream, tell) {
    this.#button.disabled = true;
    try {
      await postJson(`streams/${escapePath(stream)}/${this.#button.dataset.change}`, {});
      tell("");
    } catch (error) {
      tell(`${clip(stream, 40)}: ${clip(error.message, 200)}.`);
    } finally {
      this.#button.disabled = false;
    }
  }

  /** The way to change a stream, for who may. */
  #offer(one) {
    const change = one.state === "paused" ? "resume" : "pause";
    this.#button.hidden = !session.controls || !["running", "paused", "retrying", "opening"].includes(one.state);
    setAttribute(this.#button, "data-change", change);
    setText(this.#button, change === "pause" ? "Pause" : "Resume");
    setAttribute(this.#button, "aria-label", `${change === "pause" ? "Pause" : "Resume"} ${one.stream}`);
  }

  update(one, feed) {
    const health = feed.state === "open" ? healthOf(one, feed.toldUs()) : NO_NEWS;
    setText(this.#chip, health.word);
    setAttribute(this.#chip, "data-tone", health.tone);
    this.#offer(one);
    textsOf(one, health, feed.nowUs()).forEach((text, i) => setText(this.#cells[i], text));
  }
}

function textsOf(one, health, nowUs) {
  const age = (us) => (us ? span(nowUs - us) : "");
  return [
    age(one.since_us), one.codec || "", one.width ? `${one.width} × ${one.height}` : "", pace(one),
    age(one.last_frame_us || one.last_event_us), count(one.frames), one.bytes ? bytes(one.bytes) : "",
    one.reconnects ? count(one.reconnects) : "", clip(health.tone === "ok" ? one.source : health.reason || one.source, 160),
  ];
}

function pace(one) {
  if (!one.fps && !one.declared_fps) return one.events_per_s ? rate(one.events_per_s) : "";
  return `${rate(one.fps)}${one.declared_fps ? ` of ${one.declared_fps}` : ""}`;
}
