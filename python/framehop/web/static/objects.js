/** The objects of an event as list items, each with the colour of its box. */

import { el } from "./dom.js";
import { colourOf } from "./draw.js";
import { clip, percent } from "./format.js";

const SHOWN = 100;

/** Says why there are none, and how many there are beyond those that fit. */
export function objectList(event) {
  const found = event.objects ?? [];
  const items = found.slice(0, SHOWN).map(objectItem);
  if (!found.length) items.push(note(event.outcome === "detected" ? "nothing found" : clip(event.reason, 400)));
  if (found.length > SHOWN) items.push(note(`and ${found.length - SHOWN} more: see the JSON`));
  return items;
}

const note = (text) => el("li", { class: "muted" }, text);

function objectItem(found) {
  const dot = el("span", { class: "dot", "aria-hidden": "true" });
  dot.style.background = colourOf(found.label ?? "");
  const track = Number.isInteger(found.track_id) ? el("span", { class: "muted" }, `#${found.track_id}`) : null;
  return el("li", {}, dot, el("span", { class: "grow" }, clip(found.label, 40)), track, el("span", { class: "number" }, percent(found.confidence)));
}
