/** Plays a film in H.264 by the browser's own decoder, from the units that lie in the log: every picture at its full size, and next to
 * no work for the server. Each picture is shown with its own event, as everywhere. */

import { isAbort, units } from "./api.js";

const WAIT_S = 5;
const PACE_MS = 40;
const AFTER_ERROR_MS = 2000;
const FINAL = new Set([undefined, 400, 404, 415, 501]); // faults of ours, and what a server says that has no film to play
const BUSY = 60; // units that wait for the decoder before more are asked for
const PENDING = 4; // decoded pictures that wait for their events: a decoder has few, and stops while none comes back
const STEADY_MS = 2000; // pictures with boxes are shown rather than newer ones without, for so long

/** Decoders are for pages that nobody can have tampered with: those of this machine, or behind TLS. */
export const canPlay = () => isSecureContext && "VideoDecoder" in globalThis;

export class Film {
  #stream;
  #show;
  #eventOf;
  #fail;
  #closed = new AbortController();
  #decoder = null;
  #codec = "";
  #after = "";
  #fed = new Map(); // what the decoder has, by timestamp
  #number = 0;
  #last = { epoch: 0, seq: -1 };
  #pending = [];
  #boxedAt = -Infinity;
  #drawing = 0;
  #drawn = 0;

  /** `show`: takes { bitmap, event }. `eventOf`: returns the event of an epoch and a seq, or undefined as long as it is not known.
   * `fail`: is told why it cannot be played, once. */
  constructor(stream, { show, eventOf, fail }) {
    [this.#stream, this.#show, this.#eventOf, this.#fail] = [stream, show, eventOf, fail];
    this.#run();
  }

  close() {
    this.#closed.abort();
    this.#end();
  }

  /** Shows what has waited for its event. */
  flush() {
    const found = this.#pending.findLastIndex(({ key }) => this.#isToBeShown(this.#eventOf(...key)));
    if (found < 0) return;
    const past = this.#pending.splice(0, found + 1);
    const { frame, key } = past.pop();
    past.forEach((one) => one.frame.close());
    this.#draw(frame, this.#eventOf(...key));
  }

  #isToBeShown(event) {
    return event && event.outcome !== "failed" && (event.outcome === "detected" || performance.now() - this.#boxedAt > STEADY_MS);
  }

  async #draw(frame, event) {
    if (event.outcome === "detected") this.#boxedAt = performance.now();
    this.#drawing += 1;
    const turn = this.#drawing;
    try {
      const bitmap = await createImageBitmap(frame);
      if (this.#closed.signal.aborted || turn < this.#drawn) return bitmap.close();
      this.#drawn = turn;
      this.#show({ bitmap, event });
    } finally {
      frame.close();
    }
  }

  async #run() {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await seen(signal);
        this.#take(await units(this.#stream, { after: this.#after, waitS: WAIT_S, signal }));
        await pause(PACE_MS, signal);
        while (this.#decoder?.decodeQueueSize > BUSY) await once(this.#decoder, "dequeue", signal);
      } catch (error) {
        if (isAbort(error)) return;
        if (FINAL.has(error.status)) return this.#giveUp(error);
        await pause(AFTER_ERROR_MS, signal);
      }
    }
  }

  #take(found) {
    for (const unit of found ?? []) {
      this.#after = `${unit.epoch}/${unit.offset}`;
      const step = unit.epoch === this.#last.epoch ? unit.seq - this.#last.seq : 0;
      if (unit.keyframe) this.#configure(unit);
      else if (step <= 0 && unit.epoch === this.#last.epoch) continue; // a log may hold a frame twice
      else if (step !== 1) this.#end(); // what it refers to is missing: a decoder would paint over that
      this.#last = { epoch: unit.epoch, seq: unit.seq };
      if (this.#decoder) this.#decode(unit);
    }
  }

  /** A decoder lives as long as the film keeps its kind; it finds sizes by itself. */
  #configure({ data }) {
    const codec = codecOf(data);
    if (!codec || (codec === this.#codec && this.#decoder?.state === "configured")) return;
    this.#end();
    this.#codec = codec;
    this.#decoder = new VideoDecoder({ output: (frame) => this.#decoded(frame), error: (error) => this.#giveUp(error) });
    this.#decoder.configure({ codec, optimizeForLatency: true });
  }

  #decode({ epoch, seq, keyframe, data }) {
    this.#number += 1;
    this.#fed.set(this.#number, [epoch, seq]);
    if (this.#fed.size > 4 * BUSY) this.#fed.delete(this.#fed.keys().next().value); // the decoder left it out
    this.#decoder.decode(new EncodedVideoChunk({ type: keyframe ? "key" : "delta", timestamp: this.#number, data }));
  }

  #decoded(frame) {
    const key = this.#fed.get(frame.timestamp);
    this.#fed.delete(frame.timestamp);
    if (!key) return frame.close();
    this.#pending.push({ frame, key });
    this.flush();
    while (this.#pending.length > PENDING) this.#pending.shift().frame.close();
  }

  #giveUp(error) {
    if (this.#closed.signal.aborted) return;
    this.close();
    this.#fail(error);
  }

  #end() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
    this.#fed.clear();
    for (const { frame } of this.#pending.splice(0)) frame.close();
  }
}

/** The name by which browsers know the kind of H.264, from the parameter set in front of a key frame; empty if there is none. */
export function codecOf(data) {
  for (let i = 0; i + 6 < data.length && i < 4096; i += 1) {
    const starts = data[i] === 0 && data[i + 1] === 0 && data[i + 2] === 1;
    if (starts && (data[i + 3] & 31) === 7) {
      return `avc1.${[...data.subarray(i + 4, i + 7)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    }
  }
  return "";
}

const pause = (ms, signal) => new Promise((done) => {
  const end = () => { clearTimeout(timer); signal.removeEventListener("abort", end); done(); };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
});

const once = (target, name, signal) => new Promise((done) => {
  const end = () => { target.removeEventListener(name, end); signal.removeEventListener("abort", end); done(); };
  target.addEventListener(name, end);
  signal.addEventListener("abort", end);
});

/** Waits until somebody looks at the page. */
async function seen(signal) {
  while (document.hidden && !signal.aborted) await once(document, "visibilitychange", signal);
}
