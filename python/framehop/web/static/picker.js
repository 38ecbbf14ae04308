/** A drop-down of check boxes: any of what is chosen, or all if nothing is. */

import { el, setText } from "./dom.js";
import { clip } from "./format.js";

const SHOWN = 24;

export class Picker {
  #title;
  #boxes = [];
  #summary = el("summary", {});
  #list = el("div", { class: "picker-list", role: "group" });

  /** `changed` is called whenever the user has chosen otherwise. */
  constructor(title, changed) {
    this.#title = title;
    this.#list.setAttribute("aria-label", title);
    this.root = el("details", { class: "picker" }, this.#summary, this.#list);
    this.#list.addEventListener("change", () => {
      this.#name();
      changed();
    });
    this.root.addEventListener("focusout", (event) => this.#closeBehind(event));
    this.offer([], []);
  }

  #closeBehind({ relatedTarget }) {
    if (relatedTarget && !this.root.contains(relatedTarget)) this.root.open = false;
  }

  get chosen() {
    return this.#boxes.filter((box) => box.checked).map((box) => box.value);
  }

  /** How many values there are. */
  get offered() {
    return this.#boxes.length;
  }

  /** Offers these values. What is chosen is offered too, even if the server does not know it. */
  offer(values, chosen) {
    const all = [...new Set([...values, ...chosen])];
    if (all.length && all.join("\n") === this.#boxes.map((box) => box.value).join("\n")) this.#check(chosen);
    else this.#build(all, chosen);
    this.#name();
  }

  /** Leaves the boxes in their places: one of them may have the focus. */
  #check(chosen) {
    for (const box of this.#boxes) box.checked = chosen.includes(box.value);
  }

  #build(all, chosen) {
    this.#boxes = all.map((value) => el("input", { type: "checkbox", value }));
    this.#check(chosen);
    const lines = this.#boxes.map((box) => el("label", { title: clip(box.value, 200) }, box, el("span", {}, clip(box.value, 60))));
    this.#list.replaceChildren(...(lines.length ? lines : [el("p", { class: "muted" }, "nothing yet")]));
  }

  choose(chosen) {
    this.offer(this.#boxes.map((box) => box.value), chosen);
  }

  #name() {
    const { chosen } = this;
    const value = chosen.length === 0 ? "any" : chosen.length === 1 ? clip(chosen[0], SHOWN) : `${chosen.length} chosen`;
    setText(this.#summary, `${this.#title}: ${value}`);
    this.root.dataset.active = String(chosen.length > 0);
  }
}
