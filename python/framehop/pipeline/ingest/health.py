"""Watches how a source is: what it sends, how fast, and since when it is in its phase."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import msgspec

from framehop.pipeline.ingest.pacing import Clock
from framehop.pipeline.processes.source_messages import MAX_LAST_ERROR, Phase, SourceHealth
from framehop.protocols import LiveSource, Source
from framehop.sources.identity import shown
from framehop.types import Frame

WINDOW_S = 5.0  # over which the pictures per second are measured
STEP_S = 0.25  # between two marks, so that the window is a few dozen of them at any rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The number of frames at a moment of the monotonic clock."""

    at_s: float
    frames: int


class Vitals:
    """The health of one source. The feed's thread fills it in; `health` may be asked from any. `error`: why the source is away."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._marks: deque[Mark] = deque()
        self._frames = 0
        self._known = SourceHealth(
            phase_since_us=clock.now_us(), declared_fps=0.0 if isinstance(source, LiveSource) else source.rate
        )
        self.phase: Phase = "opening"
        self.error = ""

    def saw(self, frame: Frame) -> None:
        """Note a frame that was handed to the log."""
        now_s = self._clock.monotonic()
        with self._lock:
            if not self._marks or now_s - self._marks[-1].at_s >= STEP_S:
                self._marks.append(Mark(at_s=now_s, frames=self._frames))
            self._frames += 1
            self._forget(now_s)
            self._note(
                codec=_codec_of(frame.content_type) or self._known.codec,
                width=frame.width or self._known.width,
                height=frame.height or self._known.height,
                last_frame_us=frame.received_us,
                bytes=self._known.bytes + len(frame.payload),
                clock=frame.clock,
            )
        self._turn("running", "")

    def reconnected(self) -> None:
        """Note that the source is back."""
        with self._lock:
            self._note(reconnects=self._known.reconnects + 1)

    def away(self, error: str, next_try_us: int) -> None:
        """Note that the source is away, and when it is tried again."""
        with self._lock:
            self._note(next_try_us=next_try_us, last_error=_short(error))
        self._turn("retrying", error)

    def health(self) -> SourceHealth:
        with self._lock:
            now_s = self._clock.monotonic()
            self._forget(now_s)
            known, fps = self._known, self._fps(now_s)
        if isinstance(self._source, LiveSource):
            facts = self._source.facts
            known = msgspec.structs.replace(
                known, codec=facts.codec or known.codec, declared_fps=facts.rate, doubt=facts.doubt
            )
        return msgspec.structs.replace(known, fps=fps)

    def _turn(self, phase: Phase, error: str) -> None:
        self.error = error
        if phase == self.phase:
            return
        self.phase = phase
        with self._lock:
            self._note(phase_since_us=self._clock.now_us())
            if phase == "running":
                self._note(next_try_us=0)

    def _note(self, **known: str | int) -> None:
        self._known = msgspec.structs.replace(self._known, **known)

    def _forget(self, now_s: float) -> None:
        while self._marks and now_s - self._marks[0].at_s > WINDOW_S:
            self._marks.popleft()

    def _fps(self, now_s: float) -> float:
        if not self._marks or now_s - self._marks[0].at_s < STEP_S:
            return 0.0
        return round((self._frames - self._marks[0].frames) / (now_s - self._marks[0].at_s), 2)


def _short(error: str) -> str:
    return shown(error).encode()[:MAX_LAST_ERROR].decode(errors="ignore")


def _codec_of(content_type: str) -> str:
    """Return `h264` of `video/h264;orientation=6`; empty for what is no picture."""
    kind, _, name = content_type.partition(";")[0].partition("/")
    return name if kind in {"video", "image"} else ""
