"""Made-up streams for the page: what they show follows from the clock, and a test can stop, break or rename them at any moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framehop import encode_jpeg
from framehop.types import rfc3339

WIDTH, HEIGHT = 640, 360
EPOCH = 1_795_000_000_000_000
BITS = 12  # of the seq that a picture shows
BIT_SIDE, BIT_STEP, BIT_TOP = 32, 40, 260
BOX_SIDE, BOX_TOP = 120, 60
STAGES = {
    "append": 3.0,
    "log": 1.2,
    "decode": 0.7,
    "hop": 0.1,
    "wait": 0.2,
    "preprocess": 0.3,
    "infer": 22.0,
    "total": 29.5,
}
Json = dict[str, Any]


def box_left(seq: int) -> int:
    """Return where the box of a frame begins. It moves by more than a box's line with every frame."""
    return 20 + (seq * 24) % 480


def picture(seq: int) -> bytes:
    """Draw a frame: its seq as white and black squares, the lowest bit first, and a grey square where its box is."""
    pixels: NDArray[np.uint8] = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    left = box_left(seq)
    pixels[BOX_TOP : BOX_TOP + BOX_SIDE, left : left + BOX_SIDE] = 110
    for bit in range(BITS):
        x = 20 + bit * BIT_STEP
        pixels[BIT_TOP : BIT_TOP + BIT_SIDE, x : x + BIT_SIDE] = 255 if seq >> bit & 1 else 0
    return encode_jpeg(pixels)


def now_us() -> int:
    return time.time_ns() // 1000


@dataclass(kw_only=True)
class Stream:
    """One made-up stream. `stopped_us`: from then on nothing comes of it. `ahead_us`: by how much its camera's clock is wrong."""

    name: str
    fps: float = 10.0
    label: str = "car"
    state: str = "running"
    reason: str = ""
    stopped_us: int = 0
    ahead_us: int = 0
    failing: bool = False
    began_us: int = field(default_factory=lambda: now_us() - 60_000_000)

    @property
    def seq(self) -> int:
        """The newest frame's."""
        until = min(now_us(), self.stopped_us or now_us())
        return int((until - self.began_us) / 1e6 * self.fps)

    def event(self, seq: int) -> Json:
        at = self.began_us + int(seq / self.fps * 1e6)
        return {
            "schema_version": 7,  # newer than anybody's: readers ignore what they do not know
            "event_id": f"{self.name}/{EPOCH}/{seq}/main",
            "lane": "main",
            "outcome": "failed" if self.failing else "detected",
            "reason": "corrupt_picture" if self.failing else "",
            "stream": self.name,
            "epoch": EPOCH,
            "seq": seq,
            "captured_at": rfc3339(at + self.ahead_us),
            "received_at": rfc3339(at),
            "clock": "camera" if self.ahead_us else "ingest",
            "width": WIDTH,
            "height": HEIGHT,
            "frame": {"topic": "frames", "partition": 0, "offset": seq},
            "writer": "test",
            "model": {"name": "made-up", "version": "1", "sha256": "0", "provider": "cpu"},
            "objects": [] if self.failing else [self._object(seq)],
            "stages_ms": STAGES | {"infer": 20.0 + seq % 9},
            "trace_id": "",
            "attempts": 1,
            "something_new": {"of": "version 7"},
        }

    def _object(self, seq: int) -> Json:
        left = float(box_left(seq))
        box = [left, float(BOX_TOP), left + BOX_SIDE, float(BOX_TOP + BOX_SIDE)]
        return {"label": self.label, "label_id": 0, "confidence": 0.5 + seq % 5 / 10, "box": box, "track_id": 7}

    def status(self) -> Json:
        event = self.event(self.seq)
        at = self.began_us + int(self.seq / self.fps * 1e6)
        return {
            "stream": self.name,
            "state": self.state,
            "stalled": self.failing,  # that nothing comes the page has to see by itself
            "reason": self.reason,
            "since_us": self.began_us,
            "source": f"rtsp://camera/{self.name}",
            "codec": "jpeg",
            "width": WIDTH,
            "height": HEIGHT,
            "fps": self.fps,
            "declared_fps": 0,
            "last_frame_us": at,
            "last_event_us": at,
            "frames": self.seq,
            "bytes": self.seq * 20_000,
            "reconnects": 0,
            "error": "",
            "next_try_us": 0,
            "last_event": event,
            "events_per_s": self.fps,
            "failed": 0,
            "skipped": 0,
        }


@dataclass(kw_only=True)
class World:
    """All that the made-up server knows. `token`: what it asks for, if anything. `controls`: whether streams may be changed.
    `log_error`, `index_error`, `passed_over`, `catching_up`: what it says of its log and its index. `full`: so many follow that no
    other can. `gone`: it answers nothing any more. `asked`: the streams whose newest picture was asked for. `kept`: how many events
    of each stream there are."""

    streams: dict[str, Stream] = field(default_factory=dict)
    token: str = ""
    controls: bool = False
    log_error: str = ""
    index_error: str = ""
    passed_over: int = 0
    catching_up: bool = False
    full: bool = False
    gone: bool = False
    kept: int = 320
    asked: list[str] = field(default_factory=list)

    def add(self, *streams: Stream) -> None:
        self.streams |= {stream.name: stream for stream in streams}

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]
        self.add(Stream(name="gate-1"), Stream(name="gate-2", label="person"))

    def events(self, wanted: dict[str, list[str]]) -> list[Json]:
        """The last events of every stream, newest first, by stream, label, outcome and confidence."""
        least = float(wanted.get("min_confidence", ["0"])[0])
        found = [
            event
            for stream in self.streams.values()
            if stream.name in wanted.get("stream", [stream.name])
            for event in map(stream.event, range(max(0, stream.seq - self.kept), stream.seq))
            if event["outcome"] in wanted.get("outcome", [event["outcome"]])
            and any(
                one["label"] in wanted.get("label", [one["label"]]) and one["confidence"] >= least
                for one in event["objects"]
            )
        ]
        return sorted(found, key=lambda event: str(event["received_at"]), reverse=True)
