/** What the keyboard does everywhere, and how arrows move among tiles and rows. */

/** `back` is called by Escape where nothing else takes it. */
export function globalKeys({ help, back }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") escape(event, back);
    else if (!isTyping(event.target)) plainKey(event, help);
  });
}

function plainKey(event, help) {
  if (event.key === "?") {
    if (!help.open) help.showModal();
  } else if (event.key === "/") {
    const filter = document.querySelector("[data-filter]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
  }
}

/** The first Escape leaves a field or closes what is open, the next one goes back. */
function escape(event, back) {
  if (document.querySelector("dialog[open]")) return;
  const open = event.target.closest?.("details[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (isTyping(event.target)) {
    event.target.blur();
    document.getElementById("main").focus();
  } else {
    back();
  }
}

function isTyping(target) {
  return Boolean(target.matches?.("input:not([type=checkbox], [type=range]), textarea, select"));
}

/** One item of `items` is in the tab order; arrows, Home and End move among them as they lie on the screen. */
export function arrowsIn(root, items, signal) {
  root.addEventListener("keydown", (event) => {
    const all = items();
    const from = all.indexOf(event.target);
    const to = from < 0 ? -1 : goal(event.key, all, from);
    if (to < 0) return;
    event.preventDefault();
    all[to].focus();
  }, { signal });
  root.addEventListener("focusin", (event) => {
    const all = items();
    if (all.includes(event.target)) for (const item of all) item.tabIndex = item === event.target ? 0 : -1;
  }, { signal });
}

function goal(key, all, from) {
  const last = all.length - 1;
  switch (key) {
    case "ArrowRight": return Math.min(last, from + 1);
    case "ArrowLeft": return Math.max(0, from - 1);
    case "ArrowDown": return Math.min(last, from + columnsOf(all));
    case "ArrowUp": return from < columnsOf(all) ? from : from - columnsOf(all);
    case "Home": return 0;
    case "End": return last;
    default: return -1;
  }
}

/** How many items lie in the first row. */
function columnsOf(all) {
  const top = all[0].getBoundingClientRect().top;
  const next = all.findIndex((item) => Math.abs(item.getBoundingClientRect().top - top) > 1);
  return next < 0 ? all.length : next;
}
