/** The panels of the System view, each made of one part of what the server says. */

import { el, table } from "./dom.js";
import { clip, count, ms, percent, span } from "./format.js";
import { toEvents, toStream } from "./router.js";

const none = (text) => el("p", { class: "muted" }, text);

/** A bar by CSSOM: the page's policy allows no style attributes. `share`: 0 to 1. */
function meter(share, text, tone = "") {
  const fill = el("span", { class: "meter-fill", "data-tone": tone });
  fill.style.width = `${Math.min(1, Math.max(0, share || 0)) * 100}%`;
  return el("span", { class: "meter" }, el("span", { class: "meter-track", "aria-hidden": "true" }, fill), el("span", { class: "number" }, text));
}

export function stageTable(stages) {
  const rows = Object.entries(stages).filter(([name]) => name !== "batch");
  if (!rows.length) return none("No event in the last 60 seconds.");
  const longest = Math.max(...rows.filter(([name]) => name !== "total").map(([, stage]) => stage.p99), 1e-3);
  const headings = [{ title: "Stage" }, { title: "p50" }, { title: "p90", number: true }, { title: "p99", number: true }];
  return table("Time by stage", headings, rows.map(([name, stage]) => [
    name, name === "total" ? el("strong", { class: "number" }, ms(stage.p50)) : meter(stage.p50 / longest, ms(stage.p50)), ms(stage.p90), ms(stage.p99),
  ]));
}

export function batches(sizes) {
  const rows = Object.entries(sizes).sort((a, b) => Number(a[0]) - Number(b[0]));
  const all = rows.reduce((sum, [, number]) => sum + number, 0);
  if (!all) return none("No batch in the last 60 seconds.");
  return table("Batch sizes", [{ title: "Pictures in it" }, { title: "Share" }, { title: "Frames", number: true }],
    rows.map(([size, number]) => [size, meter(number / all, percent(number / all)), count(number)]));
}

export function reasons(list) {
  if (!list.length) return none("Every frame was detected.");
  return table("Reasons", [{ title: "Outcome" }, { title: "Reason" }, { title: "Frames", number: true }], list.map((one) => [
    el("a", { class: "chip", "data-outcome": one.outcome, href: toEvents({ outcome: one.outcome }) }, one.outcome), clip(one.reason, 200), count(one.count),
  ]));
}

export function lags(partitions, reports) {
  if (!partitions.length) return none("No partition has a reader yet.");
  const names = namesOf(reports);
  const most = Math.max(...partitions.map((one) => one.messages), 1);
  return table("Lag by partition", [{ title: "Partition" }, { title: "Behind" }, { title: "Seconds", number: true }, { title: "Read by" }],
    partitions.map((one) => [
      `${clip(one.topic, 60)}/${one.partition}`, meter(one.messages / most, count(one.messages), one.messages ? "warn" : ""),
      Number.isFinite(one.seconds) ? one.seconds.toFixed(1) : "–",
      one.owner ? clip(names.get(one.owner) ?? one.owner, 40) : el("span", { class: "chip", "data-tone": "bad" }, "nobody"),
    ]));
}

/** Workers by the names that the log's group knows them by. */
function namesOf(reports) {
  return new Map(reports.flatMap((report) => Object.entries(report.members ?? {}).map(([worker, member]) => [member, worker])));
}

export function gaps(list) {
  if (!list.length) return none("Nothing is missing.");
  return table("Gaps", [{ title: "Where" }, { title: "Stream" }, { title: "Reason" }], list.map((gap) => [
    `${clip(gap.topic, 60)}/${gap.partition}, ${count(gap.first_offset)} to ${count(gap.last_offset)}`,
    gap.stream ? el("a", { href: toStream(gap.stream) }, gap.stream) : "", clip(gap.reason, 200),
  ]));
}

export function pipelines(reports, nowUs) {
  if (!reports.length) return none("No pipeline of this user runs on this machine.");
  return el("div", { class: "stack" }, reports.map((report) => pipeline(report, nowUs)));
}

function pipeline(report, nowUs) {
  const said = report.publication;
  const models = Object.values(report.models ?? {});
  const names = [...new Set(models.map((model) => `${clip(model.name, 60)} ${clip(model.version, 20)} on ${clip(model.provider, 30)}`))];
  const age = span(nowUs - said.started_us);
  return el("div", {}, el("p", {}, el("strong", {}, clip(said.log, 80)), ` · ${said.kind === "ingest" ? "ingest" : `lane ${clip(said.lane, 40)}`}`,
    ` · process ${said.pid}, for ${age}${report.stopping ? ", stopping" : ""}`),
  el("p", { class: "muted" }, names.join(", ") || (said.kind === "ingest" ? "detects nothing" : "no model yet")),
  report.counters.stalled ? el("p", { class: "note" }, clip(report.counters.stalled, 300)) : null, processes(report));
}

function processes(report) {
  const rings = new Map((report.rings ?? []).map((ring) => [ring.worker, ring]));
  const headings = [{ title: "Process" }, { title: "State" }, { title: "Pid", number: true }, { title: "Restarts", number: true }, { title: "In flight", number: true }, { title: "Ring" }];
  return table(`Processes of ${report.publication.pid}`, headings, (report.processes ?? []).map((one) => {
    const ring = rings.get(one.name);
    return [one.name, stateChip(one), one.pid ?? "–", restarts(one), count(one.in_flight), ring ? meter(ring.used / ring.slots, `${ring.used} of ${ring.slots}`) : ""];
  }).map((row) => row.map((cell) => (typeof cell === "number" ? String(cell) : cell))));
}

function stateChip(process) {
  const [tone, word] = process.ready ? ["ok", "ready"] : process.pid === null ? ["off", "ended"] : ["warn", "starting"];
  return el("span", { class: "chip", "data-tone": tone }, word);
}

function restarts(process) {
  const number = Math.max(0, process.starts - 1);
  return number ? el("span", { class: "chip", "data-tone": "warn" }, String(number)) : "0";
}
