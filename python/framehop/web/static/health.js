/** Says in a word and a sentence how a stream does. `tone`: ok, warn, bad or off. `seenUs`: when the newest picture on the page came,
 * which the server's last word may not know yet. */

import { micros, span } from "./format.js";

const SILENT_US = 2.2e6; // with what the feed and the page's own clock add it shows within three seconds
const BEHIND_US = 3e6;
const LONG_SILENT_US = 60e6;

const PHASES = {
  waiting: ["warn", "starting", "it waits for its process"],
  opening: ["warn", "opening", "it is being opened"],
  retrying: ["bad", "away", ""],
  paused: ["off", "paused", "somebody has paused it"],
  removed: ["off", "removed", "it is no longer read"],
  ended: ["off", "ended", "all of it has been read"],
  failed: ["bad", "failed", ""],
};

export function healthOf(stream, nowUs, seenUs = 0) {
  const phase = PHASES[stream.state];
  if (phase) return { tone: phase[0], word: phase[1], reason: reasonOf(stream, nowUs) || phase[2] };
  return runningHealth(stream, nowUs, seenUs);
}

function reasonOf(stream, nowUs) {
  const said = stream.error || stream.reason || "";
  return said && stream.next_try_us > nowUs ? `${said}; next try in ${span(stream.next_try_us - nowUs)}` : said;
}

function runningHealth(stream, nowUs, seenUs) {
  const silent = silenceUs(stream, nowUs, seenUs);
  if (stream.last_event?.outcome === "failed" && stream.stalled) {
    return { tone: "bad", word: "failing", reason: stream.reason || stream.last_event.reason };
  }
  if (stream.state === "seen" && silent > LONG_SILENT_US) {
    return { tone: "off", word: "quiet", reason: `its last event is ${span(silent)} old, and no pipeline on this machine reads it` };
  }
  if (stream.stalled) return { tone: "bad", word: "stalled", reason: reasonOf(stream, nowUs) || silentFor(silent) };
  if (silent > allowedUs(stream)) return { tone: "bad", word: "stalled", reason: silentFor(silent) };
  const behind = nowUs - Math.max(micros(stream.last_event?.received_at) || 0, seenUs || 0);
  if (stream.last_event && behind > Math.max(BEHIND_US, allowedUs(stream))) {
    return { tone: "warn", word: "behind", reason: `detection is ${span(behind)} behind` };
  }
  return { tone: "ok", word: "live", reason: "" };
}

const silentFor = (us) => (Number.isFinite(us) ? `no picture for ${span(us)}` : "no picture yet");

/** How long nothing has come of it, in µs. Counted here too, so that it shows even when the server says nothing. */
function silenceUs(stream, nowUs, seenUs) {
  const last = Math.max(stream.last_frame_us || 0, stream.last_event_us || 0, seenUs || 0);
  return last ? nowUs - last : nowUs - (stream.since_us || nowUs);
}

/** Three of its usual intervals, and never less than two seconds: a camera of one picture a minute is not stalled. */
function allowedUs(stream) {
  const fps = stream.fps || stream.declared_fps || 0;
  return Math.max(SILENT_US, fps > 0 ? 3e6 / fps : 0);
}

/** While the server says nothing we do not know how a stream does, and say that. */
export const NO_NEWS = { tone: "warn", word: "no news", reason: "" };
