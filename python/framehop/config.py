"""Options of the pipeline and everything that comes from the environment. The only module that reads `os.environ`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ConfigError
from framehop.infer import Provider
from framehop.protocols import Start

MIB = 1 << 20

FAIL_POINTS = (
    "ingest.appended",
    "decode.mid",
    "decode.done",
    "hop.sent",
    "infer.mid",
    "event.produced",
    "offsets.stored",
)

DEFAULT_LOG = "./framehop-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectOptions:
    """How frames are detected on this host.

    `lane`: which events these are. `workers`: processes that read and decode. `slots`, `slot_bytes`: each worker's ring, in
    pictures and bytes per picture after scaled decode. `max_batch`: pictures per inference. `max_pixels`: a picture whose header
    claims more is refused. `max_attempts`: how often a frame may be in the decoder while a worker dies before it is given up.
    `decode_threads`, `infer_threads`: 0 shares the cores this process may use. `drain_s`: what Ctrl-C gives the frames in flight.
    """

    model: str = "coco-ssd"
    provider: Provider = "auto"
    lane: str = "main"
    start: Start = "beginning"
    workers: int = 1
    slots: int = 32
    slot_bytes: int = 4 * MIB
    tap_quota: int = 2
    max_batch: int = 8
    max_pixels: int = 67_108_864
    max_attempts: int = 3
    decode_threads: int = 0
    infer_threads: int = 0
    drain_s: float = 8.0

    def __post_init__(self) -> None:
        for name in ("workers", "slots", "slot_bytes", "max_batch", "max_pixels", "max_attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("decode_threads", "infer_threads", "tap_quota", "drain_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, not {getattr(self, name)}")

    @property
    def group(self) -> str:
        """The consumer group of this lane."""
        return f"detect-{self.lane}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPoint:
    """A named barrier at which a test has one process killed: at its `nth` hit."""

    name: str
    nth: int = 1


def fail_point() -> FailPoint | None:
    """`FRAMEHOP_FAIL_AT=<point>[@n]`, for fault tests; None when unset. Raises ConfigError for an unknown point."""
    text = os.environ.get("FRAMEHOP_FAIL_AT", "")
    if not text:
        return None
    name, _, nth = text.partition("@")
    if name not in FAIL_POINTS or not (nth or "1").isdigit():
        raise ConfigError(f"FRAMEHOP_FAIL_AT={text!r} is not one of {', '.join(FAIL_POINTS)}, optionally with @n")
    return FailPoint(name=name, nth=int(nth or "1"))


def make_runtime_dir() -> Path:
    """A fresh 0700 directory for sockets, short enough for their paths (107 bytes): $XDG_RUNTIME_DIR or the temporary directory."""
    parent = os.environ.get("XDG_RUNTIME_DIR") or None
    if parent and not os.access(parent, os.W_OK):
        parent = None
    return Path(tempfile.mkdtemp(prefix="framehop-", dir=parent))


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0))
