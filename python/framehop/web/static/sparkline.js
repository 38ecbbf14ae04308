/** A small line of the newest values, with its highest one named. */

import { svg } from "./dom.js";

const WIDTH = 200;
const HEIGHT = 40;
const EDGE = 3;

export class Sparkline {
  #values = [];
  #limit;
  #line = svg("polyline", { class: "spark-line", points: "" });
  #area = svg("polygon", { class: "spark-area", points: "" });

  /** `limit`: how many values are kept. `name` is read out with the newest value. */
  constructor(name, limit = 60) {
    this.#limit = limit;
    this.name = name;
    this.root = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
      this.#area, this.#line);
    this.root.setAttribute("aria-label", `${name}: no values yet`);
  }

  /** `shown` writes a value as text. */
  push(values, shown = String) {
    this.#values.push(...values.filter(Number.isFinite));
    this.#values = this.#values.slice(-this.#limit);
    if (this.#values.length < 2) return; // one value is no line
    const highest = Math.max(...this.#values);
    const points = this.#values.map((value, i) => this.#point(value, i, highest));
    this.#line.setAttribute("points", points.join(" "));
    this.#area.setAttribute("points", `${this.#x(0)},${HEIGHT} ${points.join(" ")} ${this.#x(this.#values.length - 1)},${HEIGHT}`);
    this.root.setAttribute("aria-label", `${this.name}: now ${shown(this.#values.at(-1))}, highest ${shown(highest)}`);
  }

  #x(index) {
    return (index / (this.#values.length - 1)) * WIDTH;
  }

  #point(value, index, highest) {
    const height = highest > 0 ? value / highest : 0;
    return `${this.#x(index).toFixed(1)},${(HEIGHT - EDGE - height * (HEIGHT - 2 * EDGE)).toFixed(1)}`;
  }
}
