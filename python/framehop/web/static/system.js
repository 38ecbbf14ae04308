/** How the whole of it does: pace, lag, where the time goes, processes, and what went wrong. Asked every two seconds. */

import { getJson, isAbort } from "./api.js";
import { el, setText } from "./dom.js";
import { clip, count, rate, span } from "./format.js";
import { batches, gaps, lags, pipelines, reasons, stageTable } from "./system_parts.js";
import { Sparkline } from "./sparkline.js";

const EVERY_MS = 2000;
const CLOCK_OFF_US = 5e6;

export class SystemView {
  title = "System";
  #feed;
  #closed = new AbortController();
  #timer;
  #asking = false;
  #cards = new Map();
  #figures = el("div", { class: "figures" });
  #note = el("p", { class: "note", role: "status", hidden: true });
  #parts = new Map();
  #body = el("div", { class: "panels" });

  constructor({ feed }) {
    this.#feed = feed;
    this.root = el("section", { class: "view", "aria-labelledby": "title" },
      el("div", { class: "head" }, el("h1", { id: "title" }, "System"), el("p", { class: "summary" }, "the last 60 seconds")),
      this.#note, this.#figures, this.#body);
    this.#card("in", "Frames in", "/s", true);
    this.#card("out", "Events out", "/s", true);
    this.#card("lag", "Frames behind", "", true);
    this.#card("lag_s", "Time behind", "s", true);
    this.#card("detected", "Detected", "");
    this.#card("skipped", "Skipped", "");
    this.#card("failed", "Failed", "");
    feed.open();
    document.addEventListener("visibilitychange", () => this.#ask(), { signal: this.#closed.signal });
    this.#ask();
  }

  close() {
    clearTimeout(this.#timer);
    this.#closed.abort();
  }

  #card(key, name, unit, line = false) {
    const value = el("span", { class: "figure" }, "–");
    const spark = line ? new Sparkline(unit ? `${name} (${unit})` : name) : null;
    this.#cards.set(key, { value, spark, root: el("div", { class: "card", "data-figure": key }, el("h2", {}, name),
      el("p", {}, value, el("span", { class: "unit" }, unit)), spark?.root) });
    this.#figures.append(this.#cards.get(key).root);
  }

  async #ask() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#asking) return;
    this.#asking = true;
    try {
      const { signal } = this.#closed;
      const [system, lag] = await Promise.all([getJson("system", signal), getJson("lag", signal)]);
      this.#show(system, lag);
      this.#say(lag.error ? `The lag is not known: ${clip(lag.error, 300)}` : this.#clockNote());
    } catch (error) {
      if (isAbort(error)) return;
      this.#say(`${clip(error.message, 300)}; asked again every two seconds.`);
    } finally {
      this.#asking = false;
    }
    this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
  }

  #show(system, lag) {
    const { figures } = system;
    const outcomes = figures.outcomes ?? {};
    this.#set("in", figures.frames_per_s_in, rate);
    this.#set("out", figures.frames_per_s_out, rate);
    this.#set("lag", figures.lag_messages, count);
    this.#set("lag_s", figures.lag_seconds, (value) => (Number.isFinite(value) ? value.toFixed(1) : "–"));
    for (const key of ["detected", "skipped", "failed"]) this.#set(key, outcomes[key] ?? 0, count);
    this.#cards.get("failed").root.dataset.tone = outcomes.failed ? "bad" : "ok";
    this.#cards.get("lag_s").root.dataset.tone = figures.lag_seconds > 5 ? "warn" : "ok";
    this.#panel("Processes", pipelines(system.pipelines ?? [], system.now_us), true);
    this.#panel("Time by stage", stageTable(figures.stages_ms ?? {}));
    this.#panel("Batch sizes", batches(figures.batch_sizes ?? {}));
    this.#panel("Skipped and failed, by reason", reasons(figures.reasons ?? []));
    this.#panel("Lag by partition", lags(lag.partitions ?? [], system.pipelines ?? []));
    this.#panel("Gaps", gaps(figures.gaps ?? []));
  }

  #set(key, value, shown) {
    const card = this.#cards.get(key);
    setText(card.value, shown(value));
    card.spark?.push([value], shown);
  }

  /** Changes a panel's content, unless somebody has the focus in it. */
  #panel(title, content, wide = false) {
    let panel = this.#parts.get(title);
    if (!panel) {
      panel = el("div", {});
      this.#parts.set(title, panel);
      this.#body.append(el("section", { class: wide ? "card wide" : "card", "aria-label": title }, el("h2", {}, title), panel));
    }
    if (!panel.contains(document.activeElement)) panel.replaceChildren(content);
  }

  #clockNote() {
    const off = this.#feed.offsetUs;
    if (Math.abs(off) < CLOCK_OFF_US) return "";
    return `This browser's clock is ${span(Math.abs(off))} ${off > 0 ? "behind" : "ahead of"} the server's. Ages are counted by the server's.`;
  }

  #say(text) {
    setText(this.#note, text);
    this.#note.hidden = !text;
  }
}
