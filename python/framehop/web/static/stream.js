/** One stream large: its picture, what is in it, how long its events took, and the last of them. */

import { getJson, isAbort } from "./api.js";
import { el, setText } from "./dom.js";
import { canPlay, Film } from "./film.js";
import { bytes, clip, count, foundIn, micros, moment, ms, rate, span, timeOfDay } from "./format.js";
import { objectList } from "./objects.js";
import { PictureQueue } from "./pictures.js";
import { toEvent, toEvents } from "./router.js";
import { Sparkline } from "./sparkline.js";
import { Tile } from "./tile.js";

const KEPT = 60;
const LAST = 12;

export class StreamView {
  #feed;
  #stream;
  #tile;
  #queue = new PictureQueue();
  #closed = new AbortController();
  #objects = el("ul", { class: "objects", role: "list" });
  #events = el("ol", { class: "recent", role: "list" });
  #facts = el("dl", { class: "facts" });
  #latency = new Sparkline("Milliseconds from arrival to event");
  #latencyNow = el("output", { class: "figure-small" }, "–");
  #recent = [];
  #objectsOf = "";
  #clock;
  #sizes;
  #reading = false;
  #film = null;

  constructor({ feed }, { argument: stream }) {
    this.title = stream;
    this.#feed = feed;
    this.#stream = stream;
    this.#tile = new Tile(stream, { large: true });
    this.root = this.#layout();
    const { signal } = this.#closed;
    feed.addEventListener("events", (event) => this.#take(event.detail.filter((one) => one.stream === stream)), { signal });
    feed.addEventListener("missed", () => this.#begin(), { signal });
    feed.open({ only: stream, events: true });
    this.#sizes = new ResizeObserver(() => this.#tile.redraw());
    this.#sizes.observe(this.#tile.root);
    this.#play();
    this.#clock = setInterval(() => this.#tell(), 250);
    this.#tell();
    this.#begin();
  }

  close() {
    clearInterval(this.#clock);
    this.#closed.abort();
    this.#sizes.disconnect();
    this.#queue.close();
    this.#film?.close();
    this.#tile.close();
  }

  /** By the browser's decoder where it can, else picture by picture. */
  #play() {
    if (!canPlay()) {
      this.#queue.add(this.#tile);
      return;
    }
    this.#film = new Film(this.#stream, {
      show: (picture) => this.#tile.show(picture),
      eventOf: (epoch, seq) => this.#recent.find((event) => event.epoch === epoch && event.seq === seq),
      fail: () => this.#queue.add(this.#tile),
    });
  }

  #layout() {
    return el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("a", { class: "back", href: "#/live", "aria-label": "Back to the wall" }, "←"),
        el("h1", { id: "title" }, this.#stream)),
      el("div", { class: "one" }, this.#tile.root,
        el("div", { class: "side" },
          el("section", { class: "card" }, el("h2", {}, "In the picture"), this.#objects),
          el("section", { class: "card" }, el("h2", {}, "Latency ", this.#latencyNow), this.#latency.root),
          el("section", { class: "card" }, el("h2", {}, "Stream"), this.#facts),
          el("section", { class: "card" }, el("h2", {}, "Last events ",
            el("a", { class: "more", href: toEvents({ stream: this.#stream }) }, "All")), this.#events))));
  }

  /** The last events from the index; what comes afterwards is told by the feed, unless we are too slow for it. */
  async #begin() {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const query = new URLSearchParams({ stream: this.#stream, limit: String(KEPT) });
      const { events } = await getJson(`events?${query}`, this.#closed.signal);
      this.#take(events);
    } catch (error) {
      if (!isAbort(error)) this.#events.replaceChildren(el("li", { class: "muted" }, clip(error.message, 200)));
    } finally {
      this.#reading = false;
    }
  }

  #take(events) {
    const known = new Set(this.#recent.map((event) => event.event_id));
    const fresh = events.filter((event) => !known.has(event.event_id)).sort((a, b) => a.epoch - b.epoch || a.seq - b.seq);
    if (!fresh.length) return;
    this.#recent = [...fresh, ...this.#recent].sort((a, b) => b.epoch - a.epoch || b.seq - a.seq).slice(0, KEPT);
    const totals = fresh.map((event) => event.stages_ms?.total).filter(Number.isFinite);
    this.#latency.push(totals, ms);
    this.#film?.flush();
    if (totals.length) setText(this.#latencyNow, ms(totals.at(-1)));
  }

  #tell() {
    const status = this.#feed.find(this.#stream);
    this.#tile.update(status, this.#feed);
    if (status) this.#showFacts(status);
    this.#showObjects();
    this.#showRecent();
  }

  #showFacts(status) {
    const facts = [
      ["Source", clip(status.source) || "not of this machine"],
      ["Codec", status.codec || "–"],
      ["Size", status.width ? `${status.width} × ${status.height}` : "–"],
      ["Pace", `${rate(status.fps)} frames/s${status.declared_fps ? ` of ${status.declared_fps}` : ""}`],
      ["Events", `${rate(status.events_per_s)}/s`],
      ["Frames", `${count(status.frames)}${status.bytes ? `, ${bytes(status.bytes)}` : ""}`],
      ["Failed, skipped", `${count(status.failed)}, ${count(status.skipped)}`],
      ["Reconnects", count(status.reconnects)],
    ];
    const text = facts.flat().join("\n");
    if (this.#facts.dataset.shown === text) return;
    this.#facts.dataset.shown = text;
    this.#facts.replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  #showObjects() {
    const event = this.#tile.event;
    if (!event || event.event_id === this.#objectsOf) return;
    this.#objectsOf = event.event_id;
    this.#objects.replaceChildren(...objectList(event));
  }

  #showRecent() {
    const newest = this.#recent[0]?.event_id ?? "";
    if (!newest || this.#events.dataset.newest === newest || this.#events.contains(document.activeElement)) return;
    this.#events.dataset.newest = newest;
    this.#events.replaceChildren(...this.#recent.slice(0, LAST).map((event) => recentItem(event, this.#feed.nowUs())));
  }
}

function recentItem(event, nowUs) {
  const at = micros(event.captured_at);
  const what = event.outcome === "detected" ? foundIn(event) || "nothing" : `${event.outcome}: ${clip(event.reason, 60)}`;
  return el("li", {}, el("a", { href: toEvent(event.event_id), title: `${moment(at)}, ${span(nowUs - at)} ago` },
    el("time", { datetime: event.captured_at }, timeOfDay(at)),
    el("span", { class: "grow", "data-outcome": event.outcome }, what), el("span", { class: "number" }, ms(event.stages_ms?.total))));
}
