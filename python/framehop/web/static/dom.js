/** Builds elements. Text goes in as text nodes only: whatever a stream, a label or a reason holds, it stays text. */

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name === "class") node.className = value;
  else if (typeof value === "function") node.addEventListener(name, value);
  else node.setAttribute(name, value === true ? "" : value);
}

/** Writes only what has changed, so that 300 tiles cost no layout while nothing happens. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A table of its own scroll area, so that a wide one never widens the page. Cells are strings or nodes. */
export function table(caption, headings, rows) {
  const head = headings.map((heading) => el("th", { scope: "col", class: heading.number && "number" }, heading.title));
  const body = rows.map((row) => el("tr", {}, row.map((cell, i) => el("td", { class: headings[i].number && "number" }, cell))));
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}
