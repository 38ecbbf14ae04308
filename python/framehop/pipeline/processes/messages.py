"""The messages between the supervisor and its processes."""

from __future__ import annotations

import msgspec

from framehop.pipeline.object_counts import ByStream
from framehop.pipeline.processes.source_messages import AddSource, News, RemoveSource, SourceTraits
from framehop.types import FrameKey


class DetectorAt(msgspec.Struct, frozen=True, tag="detector_at"):
    """A detector answers at `address` with the model of this number, which it describes in the file of stem `facts`. The detector
    before it is gone. Said again, with another number, when the same detector has turned to another model."""

    address: str
    facts: str
    model: int


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """Finish what is in flight, commit, and end."""


class Swap(msgspec.Struct, frozen=True, tag="swap"):
    """Load this model beside the one that runs. `number`: the number that it gets in replies. Repeated until answered."""

    number: int
    model: str


class SwapLoaded(msgspec.Struct, frozen=True, tag="swap_loaded"):
    """The model of a Swap is loaded, warm, and described in its file. It waits for Switch."""

    number: int


class SwapFailed(msgspec.Struct, frozen=True, tag="swap_failed"):
    """The model of a Swap cannot be used here, and the one before goes on."""

    number: int
    message: str


class Switch(msgspec.Struct, frozen=True, tag="switch"):
    """Answer with the model of this number from the next batch on, and close the one before. Repeated until answered."""

    number: int


class Swapped(msgspec.Struct, frozen=True, tag="swapped"):
    """The model of this number answers from now on."""

    number: int


class CancelSwap(msgspec.Struct, frozen=True, tag="cancel_swap"):
    """Let go of the model of a Swap."""

    number: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The process works now. `model`: the number of a detector's model, whose file is written; 0 for a process without one."""

    model: int = 0


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A sign of life from a process. Its counters count from the start of the process. `behind_s`: how old the frames are that it
    begins with now, of streams in which nothing is skipped for being late. `spooled_frames`, `spooled_bytes`: what waits in its
    spool. `found`: of the events, by stream."""

    frames_read: int = 0
    events: int = 0
    detected: int = 0
    skipped: int = 0
    failed: int = 0
    in_flight: int = 0
    resent: int = 0
    appended: int = 0
    stalled: str = ""
    behind_s: float = 0.0
    spooled_frames: int = 0
    spooled_bytes: int = 0
    found: ByStream = {}


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """All work is done; the process ends now."""


class Stumbled(msgspec.Struct, frozen=True, tag="stumbled"):
    """The process ends because this frame could not be decoded for a reason that is not in its bytes, such as a lack of memory.
    The frame is suspect, as if the process had died in the decoder."""

    key: FrameKey


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The process cannot do its work, and starting it again would not help. `final`: this holds even if it has worked before.
    `replaced`: the log's group has another member under its name; that may be a mistake, so it does help once."""

    message: str
    final: bool = False
    replaced: bool = False


Message = (
    DetectorAt
    | SourceTraits
    | Drain
    | Swap
    | SwapLoaded
    | SwapFailed
    | Switch
    | Swapped
    | CancelSwap
    | AddSource
    | RemoveSource
    | Ready
    | Beat
    | News
    | Finished
    | Stumbled
    | Failed
)
