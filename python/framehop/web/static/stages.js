/** The times of one event as a bar: where its milliseconds went. */

import { el } from "./dom.js";
import { ms } from "./format.js";

const APART = new Set(["total", "batch"]); // the sum, and no time at all

export function stagesBar(stages) {
  const parts = Object.entries(stages ?? {}).filter(([name, value]) => !APART.has(name) && Number.isFinite(value) && value >= 0);
  const sum = parts.reduce((all, [, value]) => all + value, 0);
  if (!sum) return el("p", { class: "muted" }, "No times are known.");
  const bar = el("div", { class: "stages", "aria-hidden": "true" }, parts.map(([, value], i) => segment(value / sum, i)));
  const lines = parts.map(([name, value], i) => el("li", {}, swatch(i), el("span", { class: "grow" }, name), el("span", { class: "number" }, ms(value))));
  const total = Number.isFinite(stages.total) ? stages.total : sum;
  return el("div", {}, bar, el("ul", { class: "legend", role: "list" }, lines,
    el("li", { class: "strong" }, el("span", { class: "grow" }, "total"), el("span", { class: "number" }, ms(total)))));
}

function segment(share, index) {
  const node = el("span", { "data-colour": String(index % 8) });
  node.style.flexGrow = String(share);
  return node;
}

const swatch = (index) => el("span", { class: "dot", "data-colour": String(index % 8), "aria-hidden": "true" });
