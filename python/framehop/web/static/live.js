/** The wall: a tile for each stream, and pictures only for those that can be seen. */

import { el, setText } from "./dom.js";
import { plural } from "./format.js";
import { arrowsIn } from "./keys.js";
import { PictureQueue } from "./pictures.js";
import { Tile } from "./tile.js";

let opened = ""; // the stream that was opened last: whoever comes back finds the focus there

export class LiveView {
  title = "Live";
  #feed;
  #tiles = new Map();
  #queue = new PictureQueue();
  #closed = new AbortController();
  #order = "";
  #grid = el("ul", { class: "wall", role: "list", "aria-label": "Streams" });
  #filter = el("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter streams by name", "data-filter": true });
  #summary = el("p", { class: "summary" });
  #empty = el("p", { class: "empty", hidden: true });
  #seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.#turn(entry)), { rootMargin: "80px" });
  #sizes = new ResizeObserver(() => this.#tiles.forEach((tile) => tile.redraw()));

  constructor({ feed }) {
    this.#feed = feed;
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("h1", { id: "title" }, "Live"), this.#summary, this.#filter), this.#grid, this.#empty);
    const { signal } = this.#closed;
    this.#filter.addEventListener("input", () => this.#update(), { signal });
    feed.addEventListener("streams", () => this.#update(), { signal });
    arrowsIn(this.#grid, () => this.#links(), signal);
    this.#grid.addEventListener("click", (event) => { opened = event.target.closest(".tile")?.dataset.stream ?? ""; }, { signal });
    this.#sizes.observe(this.#grid);
    this.#clock = setInterval(() => this.#tell(), 250);
    feed.open();
    if (feed.streams.length) this.#update();
    else this.#explain();
  }

  #clock;

  focus() {
    (this.#tiles.get(opened)?.link ?? document.getElementById("main")).focus();
  }

  close() {
    clearInterval(this.#clock);
    this.#closed.abort();
    this.#queue.close();
    this.#seen.disconnect();
    this.#sizes.disconnect();
    this.#tiles.forEach((tile) => tile.close());
  }

  #links() {
    return [...this.#tiles.values()].map((tile) => tile.link);
  }

  #turn({ target, isIntersecting }) {
    const tile = this.#tiles.get(target.dataset.stream);
    if (!tile) return;
    if (isIntersecting) {
      tile.redraw();
      this.#queue.add(tile);
    } else {
      this.#queue.remove(tile);
      tile.rest();
    }
  }

  #update() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const names = this.#feed.streams.map((one) => one.stream).filter((name) => name.toLowerCase().includes(wanted)).sort(byName);
    if (names.join("\n") !== this.#order) this.#arrange(names);
    this.#tell();
    this.#explain();
  }

  /** Keeps the tiles that stay, with their pictures. */
  #arrange(names) {
    this.#order = names.join("\n");
    const kept = new Map(names.map((name) => [name, this.#tiles.get(name) ?? new Tile(name)]));
    for (const [name, tile] of this.#tiles) if (!kept.has(name)) this.#drop(tile);
    this.#tiles = kept;
    this.#place([...kept.values()].map((tile) => tile.root));
    this.#grid.dataset.many = String(Math.min(names.length, 7));
    for (const tile of kept.values()) this.#seen.observe(tile.root);
    const links = this.#links();
    if (links.length && !links.some((link) => link.tabIndex === 0)) links[0].tabIndex = 0;
  }

  /** Moves only what is not in its place, so that the focus stays where it is. */
  #place(roots) {
    roots.forEach((root, i) => {
      if (this.#grid.children[i] !== root) this.#grid.insertBefore(root, this.#grid.children[i] ?? null);
    });
  }

  #drop(tile) {
    tile.root.remove();
    this.#queue.remove(tile);
    this.#seen.unobserve(tile.root);
    tile.close();
  }

  #tell() {
    const states = new Map(this.#feed.streams.map((one) => [one.stream, one]));
    const tones = { ok: 0, warn: 0, bad: 0, off: 0 };
    for (const tile of this.#tiles.values()) tones[tile.update(states.get(tile.stream), this.#feed).tone] += 1;
    setText(this.#summary, summaryOf(tones, this.#tiles.size));
  }

  #explain() {
    this.#empty.hidden = this.#tiles.size > 0;
    if (this.#feed.state !== "open") setText(this.#empty, "Waiting for news of the streams …");
    else if (this.#filter.value) setText(this.#empty, "No stream has this in its name.");
    else setText(this.#empty, "No streams yet. Start one with framehop run SOURCE; it appears here by itself.");
  }
}

const byName = (a, b) => a.localeCompare(b, "en", { numeric: true });

function summaryOf({ ok, warn, bad }, all) {
  if (!all) return "";
  const parts = [plural(all, "stream"), `${ok} live`];
  if (warn) parts.push(`${warn} to watch`);
  if (bad) parts.push(`${bad} in trouble`);
  return parts.join(" · ");
}
