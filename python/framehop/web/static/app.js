/** Puts the page together: session, views by address, the feed and its state. */

import { getJson, isAbort, postJson, session } from "./api.js";
import { setText } from "./dom.js";
import { EventView } from "./event.js";
import { EventsView } from "./events.js";
import { Feed } from "./feed.js";
import { clip, count } from "./format.js";
import { recall, remember } from "./kept.js";
import { globalKeys } from "./keys.js";
import { LiveView } from "./live.js";
import { LoginView } from "./login.js";
import { follow, parse } from "./router.js";
import { StreamView } from "./stream.js";
import { StreamsView } from "./streams.js";
import { SystemView } from "./system.js";
import { themeSwitch } from "./theme.js";

const SESSION_EVERY_MS = 10_000;
const VIEWS = { events: EventsView, event: EventView, system: SystemView, streams: StreamsView };
const TAB_OF = { event: "events" };
const LOGIN = "framehop-login"; // the cookie itself is hidden from scripts

const at = (id) => document.getElementById(id);
const feed = new Feed();
const main = at("main");
let view = null;
let route = null;
let loggedOut = false;
let trouble = "";
let full = false; // so many pages look that the server lets no other follow
let begun = false;

function show(next) {
  if (loggedOut) return;
  const again = route && route.view === next.view && route.argument === next.argument;
  route = next;
  if (again && view?.change) view.change(next);
  else enter(make(next));
}

function make(next) {
  if (next.view === "live") return next.argument ? new StreamView({ feed }, next) : new LiveView({ feed });
  return new VIEWS[next.view]({ feed }, next);
}

/** Puts a view in the place of the last one. The focus goes to it, as after loading a page, except at the very start. */
function enter(next) {
  view?.close();
  view = next;
  main.replaceChildren(next.root);
  document.title = `${clip(next.title, 60)} · framehop`;
  for (const tab of document.querySelectorAll("[data-view]")) mark(tab);
  scrollTo(0, 0);
  if (begun || next instanceof LoginView) (next.focus ?? (() => main.focus())).call(next);
  begun = true;
}

function mark(tab) {
  const here = !loggedOut && route && tab.dataset.view === (TAB_OF[route.view] ?? route.view);
  if (here) tab.setAttribute("aria-current", "page");
  else tab.removeAttribute("aria-current");
}

function back() {
  if (loggedOut || !route) return;
  if (route.view === "event") leave("#/events");
  else if (route.argument) leave("#/live");
}

/** Goes back to where the view was opened from, which keeps its filters; to `otherwise` if it was opened by a link. */
function leave(otherwise) {
  if (history.length > 1 && opened) history.back();
  else location.hash = otherwise;
}

let opened = false; // whether a view was opened from another one of this page
addEventListener("hashchange", () => { opened = true; }, { once: true });

function askForToken() {
  if (loggedOut) return;
  loggedOut = true;
  feed.close();
  remember(LOGIN, "");
  enter(new LoginView(loggedIn));
  showBanner();
}

function loggedIn() {
  loggedOut = false;
  route = null;
  remember(LOGIN, "yes");
  checkSession();
  show(parse(location.hash));
}

/** Never says that somebody is logged out who is not. */
async function logOut() {
  try {
    await postJson("logout", {});
    askForToken();
  } catch (error) {
    if (error.status === 401) return; // the session had ended already, and the token is asked for
    trouble = `You are still logged in: ${clip(error.message, 300)}.`;
    showBanner();
  }
}

/** Looks whether the server can read its log, and whether we may still ask. */
async function checkSession() {
  try {
    const said = await getJson("session");
    feed.setServerTime(said.now_us);
    session.controls = said.read_only === false;
    if (!said.authenticated) askForToken(); // nothing else may have asked yet that the server could refuse
    session.setCatchingUp(said.authenticated && !said.log_error && said.index.catching_up);
    full = said.full;
    trouble = troubleOf(said);
  } catch (error) {
    full = false; // not known any more
    if (!isAbort(error) && error.status !== 401 && error.status !== 0) trouble = `${clip(error.message, 300)}.`;
  }
  showBanner();
}

/** What is wrong with what is shown, in a sentence; the worst alone. */
function troubleOf(said) {
  if (said.log_error) return `The log ${clip(said.log, 80)} cannot be read: ${clip(said.log_error, 300)} It is tried again by itself.`;
  if (said.index.error) return `New events cannot be looked up yet: ${clip(said.index.error, 300)}. It is tried again by itself.`;
  if (!said.passed_over) return "";
  const [events, are] = said.passed_over === 1 ? ["An event", "is"] : [`${count(said.passed_over)} events`, "are"];
  return `${events} of this log cannot be read by this framehop and ${are} not shown: a later version wrote ${are === "is" ? "it, or it is" : "them, or they are"} damaged. Update this one.`;
}

const STATES = { connecting: "connecting", open: "connected", lost: "no connection", closed: "idle" };

function showBanner() {
  const why = full ? "So many pages look already that no other can follow: close one of them." : "The connection to framehop is lost.";
  const lost = feed.state === "lost" ? `${why} Next try in ${seconds()} s.` : "";
  const text = lost || trouble;
  at("banner").hidden = !text || loggedOut;
  at("logout").hidden = !recall(LOGIN);
  setText(at("banner"), text);
  at("link-state").dataset.state = feed.state;
  setText(at("link-state"), STATES[feed.state]);
}

const seconds = () => Math.max(1, Math.ceil((feed.retryAt - performance.now()) / 1000));

feed.addEventListener("state", () => {
  showBanner();
  if (["lost", "open"].includes(feed.state) && !loggedOut) checkSession(); // an EventSource does not say that it was refused
});
session.addEventListener("unauthorized", askForToken);
at("logout").addEventListener("click", logOut);
at("help").addEventListener("click", () => at("keys").showModal());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its fragment would be taken for a view
  main.focus();
});
themeSwitch(at("theme"));
globalKeys({ help: at("keys"), back });
setInterval(() => { if (!document.hidden && !loggedOut) checkSession(); }, SESSION_EVERY_MS);
checkSession();
follow(show);
