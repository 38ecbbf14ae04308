/** Asks the server. Every request has a deadline, and every refusal is an ApiError with the server's own sentence. */

import { escapePath } from "./router.js";

const ROOT = "api/v1/";
const DEADLINE_MS = 20_000;

/** Fires `unauthorized` when the server wants a token, and `catchingup` when `catchingUp` changes: whether the log has events that the
 * server has not read yet. `controls`: whether we may change something. */
class Session extends EventTarget {
  controls = false;
  catchingUp = false;

  setCatchingUp(now) {
    if (now === this.catchingUp) return;
    this.catchingUp = now;
    this.dispatchEvent(new Event("catchingup"));
  }
}

export const session = new Session();

export class ApiError extends Error {
  /** `status`: that of HTTP, or 0 when there was no answer. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function getJson(path, signal) {
  return readJson(await ask(path, { signal }));
}

export async function postJson(path, body) {
  await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** The newest picture of a stream with the event that belongs to it, or null if there is none newer than `after`. */
export async function latest(stream, { after, width, waitS, signal }) {
  const query = new URLSearchParams({ width, wait_s: waitS });
  if (after) query.set("after", after);
  const response = await ask(`latest/${escapePath(stream)}?${query}`, { signal });
  if (response.status === 204) return null;
  return { bitmap: await bitmapOf(response), event: eventOf(response) };
}

/** The units of a film behind the one at `after` ("epoch/offset"), or null if there are none. */
export async function units(stream, { after, waitS, signal }) {
  const query = new URLSearchParams({ wait_s: waitS });
  if (after) query.set("after", after);
  const response = await ask(`units/${escapePath(stream)}?${query}`, { signal });
  return response.status === 204 ? null : unitsOf(new Uint8Array(await response.arrayBuffer()));
}

export async function frame({ topic, partition, offset }, signal) {
  return bitmapOf(await ask(`frames/${encodeURIComponent(topic)}/${partition}/${offset}`, { signal }));
}

async function ask(path, options) {
  const response = await answerOf(path, options);
  if (response.ok) return response;
  if (response.status === 401) session.dispatchEvent(new Event("unauthorized"));
  throw new ApiError(response.status, await refusalOf(response));
}

async function answerOf(path, { signal, ...options }) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    return await fetch(ROOT + path, { ...options, signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, deadline.aborted ? "framehop has not answered for 20 seconds" : "framehop cannot be reached");
  }
}

async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  const wait = response.headers.get("retry-after");
  const said = typeof body.error === "string" && body.error ? body.error : `the server answered ${response.status}`;
  return wait ? `${said} (again in ${wait} s)` : said;
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, "the answer is not JSON: is this a framehop of another version?");
  }
}

/** Takes apart what the server has put together: the length of a list, the list as JSON, and the units one behind the other. */
function unitsOf(bytes) {
  const length = new DataView(bytes.buffer).getUint32(0);
  const listed = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  return listed.units.map((unit) => {
    const data = bytes.subarray(at, at + unit.bytes);
    at += unit.bytes;
    return { ...unit, data };
  });
}

async function bitmapOf(response) {
  try {
    return await createImageBitmap(await response.blob());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(response.status, "this picture cannot be shown by the browser");
  }
}

function eventOf(response) {
  try {
    return JSON.parse(decodeURIComponent(response.headers.get("x-framehop-event") ?? ""));
  } catch {
    return null; // a picture without boxes is better than none
  }
}

/** Whether an error only says that its view was left. */
export const isAbort = (error) => error?.name === "AbortError";
