/** Turns numbers and times into what people read. Times are microseconds since 1970. */

const whole = new Intl.NumberFormat("en");
const units = ["B", "kB", "MB", "GB", "TB"];

export const LONG = 80;

/** Text from outside, cut for one line. The whole of it stays in the event's JSON. */
export function clip(text, length = LONG) {
  const line = String(text ?? "").slice(0, 4 * length).replace(/\s+/g, " ");
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

export const count = (value) => (Number.isFinite(value) ? whole.format(value) : "–");

export const percent = (value) => `${Math.round(value * 100)} %`;

export function rate(value) {
  if (!Number.isFinite(value)) return "–";
  return value >= 100 ? whole.format(Math.round(value)) : value.toFixed(1);
}

export function ms(value) {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 1 : 2)} s`;
  return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const unit = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${(value / 1000 ** unit).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

/** A span of time in one unit: 0.4 s, 12 s, 3 min, 2 h, 5 d. */
export function span(us) {
  const seconds = Math.max(0, us / 1e6);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export const micros = (text) => Date.parse(text) * 1000;

const two = (value) => String(value).padStart(2, "0");

/** The time of day in this browser's zone, to the millisecond. */
export function timeOfDay(us) {
  const at = new Date(us / 1000);
  if (Number.isNaN(at.getTime())) return "–";
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

export function day(us) {
  const at = new Date(us / 1000);
  return Number.isNaN(at.getTime()) ? "–" : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export const moment = (us) => `${day(us)} ${timeOfDay(us)}`;

/** The value that a datetime-local field wants for a time. */
export const forField = (us) => (Number.isFinite(us) ? `${day(us)}T${timeOfDay(us).slice(0, 5)}` : "");

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** What was found, most frequent first: "3 person, 1 car". */
export function foundIn(event, kinds = 3) {
  const counts = new Map();
  for (const found of event?.objects ?? []) counts.set(found.label, (counts.get(found.label) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const shown = sorted.slice(0, kinds).map(([label, number]) => `${number} ${clip(label, 24)}`);
  return shown.join(", ") + (sorted.length > kinds ? ` and ${sorted.length - kinds} more` : "");
}

const CLOCK_OFF_US = 60e6;

/** A sentence about a camera whose clock is off by more than a minute, else nothing. */
export function clockNote(event) {
  if (!event) return "";
  const ahead = micros(event.captured_at) - micros(event.received_at);
  if (!Number.isFinite(ahead) || Math.abs(ahead) < CLOCK_OFF_US) return "";
  return `this camera's clock is ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`;
}
