/** The filters of the events, as a form and as the address's query, which is the API's too. */

import { el, setText } from "./dom.js";
import { forField, micros, percent } from "./format.js";
import { Picker } from "./picker.js";

const OUTCOMES = ["detected", "skipped", "failed"];
const KEYS = ["stream", "label", "outcome", "lane", "min_confidence", "from", "to"];

/** Keeps of a query only what filters events, so that a link cannot ask for anything else. */
export function filtersOf(params) {
  return new URLSearchParams([...params].filter(([key, value]) => KEYS.includes(key) && value));
}

export class Filters {
  #pickers;
  #confidence = el("input", { type: "range", min: "0", max: "95", step: "5", value: "0", id: "confidence" });
  #confidenceNow = el("output", { for: "confidence" });
  #from = el("input", { type: "datetime-local", id: "from" });
  #to = el("input", { type: "datetime-local", id: "to" });
  #clear = el("button", { type: "button", class: "quiet" }, "Clear");

  /** `changed` is called with the new query. */
  constructor(changed) {
    const tell = () => {
      this.#name();
      changed(this.query());
    };
    this.#pickers = {
      stream: new Picker("Stream", tell), label: new Picker("Label", tell),
      outcome: new Picker("Outcome", tell), lane: new Picker("Lane", tell),
    };
    for (const field of [this.#confidence, this.#from, this.#to]) field.addEventListener("change", tell);
    this.#confidence.addEventListener("input", () => this.#name());
    this.#clear.addEventListener("click", () => changed(new URLSearchParams()));
    this.root = el("form", { class: "filters", role: "search", "aria-label": "Filter events" },
      Object.values(this.#pickers).map((picker) => picker.root),
      el("div", { class: "field" }, el("label", { for: "confidence" }, "Confidence ≥ ", this.#confidenceNow), this.#confidence),
      el("div", { class: "field" }, el("label", { for: "from" }, "From"), this.#from),
      el("div", { class: "field" }, el("label", { for: "to" }, "To"), this.#to), this.#clear);
    this.root.addEventListener("submit", (event) => event.preventDefault());
    this.root.querySelector("summary").dataset.filter = "";
    this.set(new URLSearchParams());
  }

  /** Offers what the index knows. */
  offer({ streams = [], labels = [], lanes = [] }) {
    const { stream, label, lane } = this.#pickers;
    stream.offer(streams, stream.chosen);
    label.offer(labels, label.chosen);
    lane.offer(lanes, lane.chosen);
    this.#hideLane();
  }

  /** Shows a query. */
  set(params) {
    for (const [key, picker] of Object.entries(this.#pickers)) picker.choose(params.getAll(key));
    if (!params.has("outcome")) this.#pickers.outcome.offer(OUTCOMES, []);
    this.#hideLane();
    this.#confidence.value = String(Math.round(Number(params.get("min_confidence") ?? 0) * 100) || 0);
    this.#from.value = forField(micros(params.get("from") ?? ""));
    this.#to.value = forField(micros(params.get("to") ?? ""));
    this.#name();
  }

  /** Most logs have one lane, which is nothing to choose. */
  #hideLane() {
    const { lane } = this.#pickers;
    lane.root.hidden = lane.offered < 2 && !lane.chosen.length;
  }

  query() {
    const params = new URLSearchParams();
    for (const [key, picker] of Object.entries(this.#pickers)) for (const value of picker.chosen) params.append(key, value);
    if (Number(this.#confidence.value)) params.set("min_confidence", String(Number(this.#confidence.value) / 100));
    if (this.#from.value) params.set("from", new Date(this.#from.value).toISOString());
    if (this.#to.value) params.set("to", new Date(this.#to.value).toISOString());
    return params;
  }

  #name() {
    setText(this.#confidenceNow, percent(Number(this.#confidence.value) / 100));
    this.#clear.disabled = [...this.query()].length === 0;
  }
}

/** Whether an event is among those that a query asks for. */
export function fits(event, params) {
  const one = (key, value) => !params.has(key) || params.getAll(key).includes(value);
  const at = micros(event.captured_at);
  return one("stream", event.stream) && one("lane", event.lane) && one("outcome", event.outcome)
    && !(at < micros(params.get("from") ?? "")) && !(at >= micros(params.get("to") ?? "")) && hasObject(event, params);
}

function hasObject(event, params) {
  if (!params.has("label") && !params.has("min_confidence")) return true;
  const least = Number(params.get("min_confidence") ?? 0);
  const labels = params.getAll("label");
  return (event.objects ?? []).some((found) => found.confidence >= least && (!labels.length || labels.includes(found.label)));
}
