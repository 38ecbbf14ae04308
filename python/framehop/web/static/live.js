/** The wall: a tile for each stream, and pictures only for those that can be seen. */

import { el, setText } from "./dom.js";
import { plural } from "./format.js";
import { arrowsIn } from "./keys.js";
import { PictureQueue } from "./pictures.js";
import { Tile } from "./tile.js";

const GAP = 12; // as in live.css
const UNDER = 16; // what stays free beneath the wall
const NARROWEST = 280;

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
  #sizes = new ResizeObserver(() => this.#spread());

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
    this.#spread();
    for (const tile of kept.values()) this.#seen.observe(tile.root);
    const links = this.#links();
    if (links.length && !links.some((link) => link.tabIndex === 0)) links[0].tabIndex = 0;
  }

  #spread() {
    const top = this.#grid.getBoundingClientRect().top + scrollY;
    const [columns, width] = spreadOf(this.#tiles.size, this.#grid.clientWidth, innerHeight - top - UNDER);
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${width ? `${width}px` : "1fr"}))`;
    for (const tile of this.#tiles.values()) tile.redraw();
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

/** How many columns make the tiles largest while all fit the screen, and their width; if they do not fit, as many columns as can still
 * be read, and no width of their own. */
function spreadOf(number, width, height) {
  const most = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
  let best = [most, 0];
  if (most === 1) return best; // a phone
  for (let columns = 1; columns <= Math.min(most, number); columns += 1) {
    const rows = Math.ceil(number / columns);
    const wide = (width - GAP * (columns - 1)) / columns;
    const fitting = Math.floor(Math.min(wide, ((height - GAP * (rows - 1)) / rows) * (16 / 9)));
    if (fitting >= NARROWEST && fitting > best[1]) best = [columns, fitting];
  }
  return best;
}

const byName = (a, b) => a.localeCompare(b, "en", { numeric: true });

function summaryOf({ ok, warn, bad }, all) {
  if (!all) return "";
  const parts = [plural(all, "stream"), `${ok} live`];
  if (warn) parts.push(`${warn} to watch`);
  if (bad) parts.push(`${bad} in trouble`);
  return parts.join(" · ");
}
