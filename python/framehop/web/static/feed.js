/** What the server sends by itself: once a second what has changed about the streams, and events as they come to a view that wants them.
 * It connects anew with back-off, and not at all while nobody looks at the page. */

const SILENCE_MS = 6000; // streams come once a second: after this the connection is dead, whatever TCP says
const LATE_MS = 1500;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

/** Fires `streams`, `events` (detail: the events), `missed` (events that did not come, as we were too slow) and `state`. `state`:
 * connecting, open, lost or closed. */
export class Feed extends EventTarget {
  streams = [];
  state = "closed";
  retryAt = 0;
  #only = "";
  #events = false;
  #source = null;
  #waitMs = FIRST_WAIT_MS;
  #timer = 0;
  #heardAt = 0;
  #offsetUs = 0;
  #wanted = false;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#lookAgain());
    setInterval(() => this.#checkSilence(), 1000);
  }

  /** Begins, or goes on with another set of streams: one, or all if `only` is empty. `events`: whether they are wanted too. */
  open({ only = "", events = false } = {}) {
    if (this.#wanted && only === this.#only && events === this.#events) return;
    [this.#wanted, this.#only, this.#events] = [true, only, events];
    this.#connect();
  }

  close() {
    this.#wanted = false;
    this.#end("closed");
  }

  /** The server's time, µs since 1970: what all ages are counted by, however wrong this browser's clock is. */
  nowUs() {
    return Date.now() * 1000 + this.#offsetUs;
  }

  /** The time up to which the server's word holds: silence of the server is no silence of its streams. */
  toldUs() {
    return this.nowUs() - 1000 * Math.max(0, performance.now() - this.#heardAt - LATE_MS);
  }

  /** How far this browser's clock is behind the server's, in µs; negative if it is ahead. */
  get offsetUs() {
    return this.#offsetUs;
  }

  setServerTime(us) {
    if (Number.isFinite(us)) this.#offsetUs = us - Date.now() * 1000;
  }

  find(stream) {
    return this.streams.find((one) => one.stream === stream);
  }

  #lookAgain() {
    if (!this.#wanted) return;
    if (document.hidden) this.#end("closed");
    else this.#connect();
  }

  #connect() {
    this.#end("connecting");
    if (document.hidden) return;
    this.#heardAt = performance.now();
    const query = new URLSearchParams(this.#only ? { stream: this.#only } : {});
    if (!this.#events) query.set("events", "0");
    this.#source = new EventSource(`api/v1/live?${query}`);
    this.#source.addEventListener("streams", (message) => this.#hearStreams(message));
    this.#source.addEventListener("events", (message) => this.#hearEvents(message));
    this.#source.addEventListener("error", () => this.#lose());
  }

  #hearStreams(message) {
    const said = parsed(message.data);
    if (!Array.isArray(said?.streams)) return;
    this.#heardAt = performance.now();
    this.#waitMs = FIRST_WAIT_MS;
    this.setServerTime(said.now_us);
    this.streams = merged(this.#kept(said), said.streams);
    this.#enter("open");
    this.dispatchEvent(new Event("streams"));
  }

  /** The streams of which what we know still holds: whoever comes back from one stream to the wall finds it complete. */
  #kept({ whole, gone = [] }) {
    if (whole && !this.#only) return [];
    const left = new Set(whole ? [this.#only] : gone);
    return this.streams.filter((one) => !left.has(one.stream));
  }

  #hearEvents(message) {
    const said = parsed(message.data);
    if (said?.dropped) this.dispatchEvent(new Event("missed"));
    if (Array.isArray(said?.events)) this.dispatchEvent(new CustomEvent("events", { detail: said.events }));
  }

  #checkSilence() {
    if (this.#source && performance.now() - this.#heardAt > SILENCE_MS) this.#lose();
  }

  #lose() {
    const wait = this.#waitMs * (0.75 + Math.random() / 2); // many pages must not all come back at the same moment
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    this.retryAt = performance.now() + wait;
    this.#end("lost");
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #end(state) {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#enter(state);
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/** The streams with their news, which may be some of their fields only. */
function merged(streams, news) {
  const all = new Map(streams.map((one) => [one.stream, one]));
  for (const one of news) all.set(one.stream, { ...all.get(one.stream), ...one });
  return [...all.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
