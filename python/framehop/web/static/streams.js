/** Every stream with its health, as `framehop stream list` shows it. */

import { el, table } from "./dom.js";
import { bytes, clip, count, rate, span } from "./format.js";
import { healthOf } from "./health.js";
import { toStream } from "./router.js";

const HEADINGS = [
  { title: "Stream" }, { title: "State" }, { title: "For", number: true }, { title: "Codec" }, { title: "Size" },
  { title: "Frames/s", number: true }, { title: "Last frame", number: true }, { title: "Frames", number: true },
  { title: "Bytes", number: true }, { title: "Reconnects", number: true }, { title: "Source" },
];

export class StreamsView {
  title = "Streams";
  #feed;
  #closed = new AbortController();
  #filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter streams by name", "data-filter": true });
  #body = el("div", { class: "card flush" });

  constructor({ feed }) {
    this.#feed = feed;
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("h1", { id: "title" }, "Streams"), this.#filter), this.#body);
    const { signal } = this.#closed;
    feed.addEventListener("streams", () => this.#show(), { signal });
    this.#filter.addEventListener("input", () => this.#show(true), { signal });
    feed.open();
    this.#show();
  }

  close() {
    this.#closed.abort();
  }

  /** Leaves the table alone while somebody moves in it by keyboard. */
  #show(force = false) {
    if (!force && this.#body.contains(document.activeElement) && document.activeElement.tagName === "A") return;
    const wanted = this.#filter.value.trim().toLowerCase();
    const streams = this.#feed.streams.filter((one) => one.stream.toLowerCase().includes(wanted));
    const scrolled = this.#body.firstChild?.scrollLeft ?? 0;
    this.#body.replaceChildren(streams.length ? table("Streams", HEADINGS, streams.map((one) => this.#cells(one)))
      : el("p", { class: "empty" }, wanted ? "No stream has this in its name." : "No streams yet. framehop stream add SOURCE reads one."));
    if (streams.length) this.#body.firstChild.scrollLeft = scrolled;
  }

  #cells(one) {
    const now = this.#feed.nowUs();
    const health = healthOf(one, now);
    const age = (us) => (us ? span(now - us) : "");
    return [
      el("a", { href: toStream(one.stream), class: "strong" }, one.stream),
      el("span", { class: "chip", "data-tone": health.tone, title: clip(health.reason, 200) }, health.word),
      age(one.since_us), one.codec || "", one.width ? `${one.width} × ${one.height}` : "",
      one.fps || one.declared_fps ? `${rate(one.fps)}${one.declared_fps ? ` of ${one.declared_fps}` : ""}` : rate(one.events_per_s),
      age(one.last_frame_us || one.last_event_us), count(one.frames), one.bytes ? bytes(one.bytes) : "",
      one.reconnects ? count(one.reconnects) : "", el("span", { class: "source" }, clip(health.tone === "ok" ? one.source : health.reason || one.source, 160)),
    ];
  }
}
