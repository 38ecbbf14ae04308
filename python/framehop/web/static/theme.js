/** Light, dark, or as the system has it. The choice stays in this browser. */

import { recall, remember } from "./kept.js";

const KEY = "framehop-theme";
const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };
const ORDER = Object.keys(NAMES);

let chosen = ORDER.includes(recall(KEY)) ? recall(KEY) : "auto";
apply();

function apply() {
  document.documentElement.dataset.theme = chosen;
}

export function themeSwitch(button) {
  const name = () => {
    button.textContent = NAMES[chosen];
    button.setAttribute("aria-label", `Colours: ${NAMES[chosen]}`);
  };
  button.addEventListener("click", () => {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    apply();
    remember(KEY, chosen);
    name();
  });
  name();
}
