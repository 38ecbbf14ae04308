/** The page's addresses: #/live, #/live/STREAM, #/events?…, #/event/ID, #/system, #/streams. They are links to share. */

const VIEWS = new Set(["live", "events", "event", "system", "streams"]);

/** `argument` is what stands behind the view's name: a stream, or an event's id with its slashes. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, ...rest] = path.split("/");
  if (!VIEWS.has(view)) return { view: "live", argument: "", params: new URLSearchParams() };
  return { view, argument: rest.map(decoded).join("/"), params: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Keeps slashes, which separate the parts of an event's id. */
export const escapePath = (text) => text.split("/").map(encodeURIComponent).join("/");

export const toStream = (stream) => `#/live/${escapePath(stream)}`;

export const toEvent = (id) => `#/event/${escapePath(id)}`;

export function toEvents(params) {
  const query = new URLSearchParams(params).toString();
  return query ? `#/events?${query}` : "#/events";
}

/** Calls `show` for the address now and whenever it changes. Fragments that are no view (#main of the skip link) change nothing. */
export function follow(show) {
  const go = () => {
    if (!location.hash || location.hash.startsWith("#/")) show(parse(location.hash));
  };
  addEventListener("hashchange", go);
  go();
}
