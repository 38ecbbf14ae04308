/** All events, newest first, filtered by the address. */

import { getJson, isAbort, session } from "./api.js";
import { el, setText } from "./dom.js";
import { Filters, filtersOf, fits } from "./filters.js";
import { clip, day, foundIn, micros, moment, ms, percent, plural, timeOfDay } from "./format.js";
import { arrowsIn } from "./keys.js";
import { toEvent, toEvents } from "./router.js";

const PAGE = 100;
const PAGES = 5; // in the document at once: it stays small however far somebody reads
const HEADINGS = ["Time", "Stream", "Found", "Confidence", "Latency", "Lane"];

let opened = ""; // the address of the event that was opened last: whoever comes back finds the focus there

export class EventsView {
  title = "Events";
  #params;
  #cursor = null;
  #loading = false;
  #newer = 0;
  #scrolledOn = false; // so far that the newest page was taken away
  #newestUs = Number.NaN; // of the events that are listed
  #closed = new AbortController();
  #filters;
  #table = el("table", { class: "events", "aria-label": "Events" },
    el("thead", {}, el("tr", {}, HEADINGS.map((title) => el("th", { scope: "col", "data-column": title.toLowerCase() }, title)))));
  #more = el("button", { type: "button", class: "quiet" }, "Older events");
  #state = el("p", { class: "empty", role: "status" }, "Reading …");
  #late = el("p", { class: "note", role: "status", hidden: true }, "The log is still being read from its older events on: the newest are yet to come.");
  #news = el("button", { type: "button", class: "news", hidden: true });
  #end = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.#read(), { rootMargin: "600px" });

  constructor({ feed }, { params }) {
    this.#params = filtersOf(params);
    this.#filters = new Filters((query) => location.replace(toEvents(query)));
    this.#filters.set(this.#params);
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("h1", { id: "title" }, "Events"), this.#news), this.#late, this.#filters.root,
      el("div", { class: "card flush" }, this.#table, this.#state, el("div", { class: "foot" }, this.#more)));
    const { signal } = this.#closed;
    this.#more.addEventListener("click", () => this.#read());
    this.#news.addEventListener("click", () => this.#restart());
    arrowsIn(this.#table, () => [...this.#table.querySelectorAll("tbody a")], signal);
    feed.addEventListener("events", (event) => this.#hear(event.detail), { signal });
    session.addEventListener("catchingup", () => this.#caughtUp(), { signal });
    this.#late.hidden = !session.catchingUp;
    feed.open({ events: true });
    this.#offer();
    this.#restart();
  }

  /** Another filter in the address: the form keeps its focus. */
  change({ params }) {
    this.#params = filtersOf(params);
    this.#filters.set(this.#params);
    this.#restart();
  }

  close() {
    this.#closed.abort();
    this.#end.disconnect();
  }

  /** Lists the newest once they are there, unless somebody is reading further down. */
  #caughtUp() {
    this.#late.hidden = !session.catchingUp;
    if (session.catchingUp) return;
    this.#offer();
    this.#scrolledOn ||= this.#table.contains(document.activeElement);
    if (this.#scrolledOn) this.#offerNewest();
    else this.#restart();
  }

  async #offer() {
    try {
      this.#filters.offer(await getJson("labels", this.#closed.signal));
    } catch (error) {
      if (!isAbort(error)) console.warn(error.message); // the events themselves say what is wrong
    }
  }

  #restart() {
    for (const body of [...this.#table.tBodies]) body.remove();
    this.#newer = 0;
    this.#scrolledOn = false;
    this.#news.hidden = true;
    this.#cursor = null;
    this.#end.unobserve(this.#more);
    this.#run += 1;
    this.#loading = false;
    this.#read();
  }

  #run = 0;

  async #read() {
    if (this.#loading) return;
    this.#loading = true;
    const run = this.#run;
    this.#say("Reading …");
    try {
      const answer = await getJson(`events?${this.#query()}`, this.#closed.signal);
      if (run === this.#run) this.#add(answer);
    } catch (error) {
      if (!isAbort(error) && run === this.#run) this.#say(`${clip(error.message, 300)}.`, true);
    } finally {
      if (run === this.#run) this.#loading = false;
    }
  }

  #query() {
    const query = new URLSearchParams(this.#params);
    query.set("limit", String(PAGE));
    if (this.#cursor) query.set("cursor", this.#cursor);
    return query;
  }

  #add({ events, next_cursor: cursor }) {
    this.#cursor = cursor;
    if (events.length && !this.#table.tBodies.length) this.#newestUs = micros(events[0].captured_at);
    if (events.length) this.#table.append(el("tbody", {}, events.map(row)));
    this.#bound();
    const links = [...this.#table.querySelectorAll("tbody a")];
    if (links.length && !links.some((link) => link.tabIndex === 0)) links[0].tabIndex = 0;
    links.find((link) => link.hash === opened)?.focus();
    opened = "";
    this.#say(endOf(links.length, cursor, this.#params.size));
    this.#more.hidden = !cursor;
    this.#end.unobserve(this.#more);
    if (cursor) this.#end.observe(this.#more);
  }

  /** Takes the newest page away once there are too many, without moving what is being read. */
  #bound() {
    while (this.#table.tBodies.length > PAGES) {
      const [first] = this.#table.tBodies;
      const { height } = first.getBoundingClientRect();
      first.remove();
      scrollBy({ top: -height, behavior: "instant" });
      this.#scrolledOn = true;
      this.#offerNewest();
    }
  }

  #hear(events) {
    this.#newer += events.filter((event) => micros(event.captured_at) > this.#newestUs && fits(event, this.#params)).length;
    this.#offerNewest();
  }

  /** A way back to the top, where there is something that is not listed. */
  #offerNewest() {
    const news = this.#newer > 999 ? "More than 999 new events" : plural(this.#newer, "new event");
    setText(this.#news, this.#scrolledOn ? "Back to the newest" : news);
    this.#news.hidden = !this.#scrolledOn && !this.#newer;
  }

  #say(text, again = false) {
    setText(this.#state, text);
    this.#state.hidden = !text;
    if (again) this.#more.hidden = false;
  }
}

/** A page may be empty and have a next one: the server looks through so many rows at a time. */
function endOf(listed, cursor, filtered) {
  if (cursor) return listed ? "" : "Looking through older events …";
  if (listed) return "That was the oldest one.";
  return filtered ? "No event fits these filters." : "No events yet.";
}

function row(event) {
  const at = micros(event.captured_at);
  const best = Math.max(...(event.objects ?? []).map((found) => found.confidence));
  return el("tr", { "data-outcome": event.outcome, click: open },
    el("td", {}, el("a", { href: toEvent(event.event_id), tabindex: "-1", title: moment(at) },
      el("span", { class: "day" }, day(at)), " ", el("time", { datetime: event.captured_at }, timeOfDay(at)))),
    el("td", { class: "strong" }, el("span", { class: "cut" }, event.stream)),
    el("td", {}, el("span", { class: "cut" }, whatOf(event))),
    el("td", { class: "number" }, Number.isFinite(best) ? percent(best) : ""),
    el("td", { class: "number" }, Number.isFinite(event.stages_ms?.total) ? ms(event.stages_ms.total) : ""),
    el("td", {}, clip(event.lane, 40)));
}

function whatOf(event) {
  if (event.outcome === "detected") return foundIn(event, 4) || el("span", { class: "muted" }, "nothing");
  return [el("span", { class: "chip", "data-outcome": event.outcome }, event.outcome), " ", clip(event.reason, 120)];
}

/** The whole row opens its event; text can be marked all the same. */
function open({ currentTarget, target }) {
  const link = currentTarget.querySelector("a");
  if (!target.closest("a") && !String(getSelection())) location.assign(link.href);
  opened = link.hash;
}
