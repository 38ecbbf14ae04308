/** Hands out requests for pictures among those who want one: the page may have hundreds of tiles, and a browser opens six connections
 * to a server, of which the feed needs one and everything else one. */

import { isAbort, latest } from "./api.js";

const AT_ONCE = 4;
const LONGEST_WAIT_S = 5;
const PACE_MS = 40; // at most 25 pictures a second for one tile
const FIRST_IDLE_MS = 80;
const LONGEST_IDLE_MS = 1000;
const AFTER_ERROR_MS = 2000;

/** What wants pictures has `stream`, `width` (pixels), `shown` (the id of the event it shows), `show(picture)` and `fail(error)`. */
export class PictureQueue {
  #wishes = new Map();
  #active = 0;
  #timer = 0;
  #closed = new AbortController();

  constructor() {
    document.addEventListener("visibilitychange", () => this.#next(), { signal: this.#closed.signal });
  }

  add(tile) {
    if (this.#wishes.has(tile)) return;
    this.#wishes.set(tile, { dueAt: 0, idleMs: FIRST_IDLE_MS, busy: false, abort: new AbortController() });
    this.#next();
  }

  remove(tile) {
    this.#wishes.get(tile)?.abort.abort();
    this.#wishes.delete(tile);
  }

  close() {
    this.#closed.abort();
    clearTimeout(this.#timer);
    for (const tile of [...this.#wishes.keys()]) this.remove(tile);
  }

  /** Starts what is due, longest overdue first, and sleeps until the next is. */
  #next() {
    clearTimeout(this.#timer);
    while (this.#active < AT_ONCE && !document.hidden) {
      const [tile, wish] = this.#mostOverdue();
      if (!tile) return;
      const wait = wish.dueAt - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#next(), wait);
        return;
      }
      this.#serve(tile, wish);
    }
  }

  #mostOverdue() {
    let first = [null, null];
    for (const entry of this.#wishes) {
      if (!entry[1].busy && (!first[1] || entry[1].dueAt < first[1].dueAt)) first = entry;
    }
    return first;
  }

  async #serve(tile, wish) {
    wish.busy = true;
    this.#active += 1;
    const started = performance.now();
    try {
      await this.#ask(tile, wish, started);
    } catch (error) {
      wish.dueAt = performance.now() + AFTER_ERROR_MS;
      if (!isAbort(error)) tile.fail(error);
    } finally {
      wish.busy = false;
      this.#active -= 1;
      this.#next();
    }
  }

  async #ask(tile, wish, started) {
    const waitS = this.#wishes.size <= AT_ONCE ? LONGEST_WAIT_S : 0; // a long wait holds a connection that others need
    const picture = await latest(tile.stream, { after: tile.shown, width: tile.width, waitS, signal: wish.abort.signal });
    if (wish.abort.signal.aborted) {
      picture?.bitmap.close();
    } else if (picture) {
      tile.show(picture);
      wish.idleMs = FIRST_IDLE_MS;
      wish.dueAt = started + PACE_MS;
    } else {
      wish.dueAt = performance.now() + (waitS ? 0 : wish.idleMs);
      wish.idleMs = Math.min(LONGEST_IDLE_MS, wish.idleMs * 1.5);
    }
  }
}
