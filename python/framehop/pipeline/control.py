"""The messages between the supervisor and its processes: one message per packet over a socket pair.

When one side dies, however it dies, the kernel closes its end at once, and the other side sees that.
"""

from __future__ import annotations

import contextlib
import os
import socket
from types import TracebackType
from typing import BinaryIO, Literal, Self

import msgspec

from framehop.config import DetectOptions
from framehop.errors import ProcessError
from framehop.forks import abandon_in_children
from framehop.log import LogAt
from framehop.motion import Motion, When
from framehop.pipeline.object_counts import ByStream
from framehop.policies import Policy
from framehop.protocols import Start
from framehop.regions import Regions
from framehop.sources import DEFAULT_CODEC, STALL_S, Codec, without_secrets
from framehop.tracked import Track
from framehop.types import FrameKey

MAX_PACKET = 1 << 17


class Suspect(msgspec.Struct, frozen=True):
    """A frame that was in the decoder when a worker died. `attempts`: how often that happened so far."""

    key: FrameKey
    attempts: int


class SourceTraits(msgspec.Struct, frozen=True, tag="source_traits"):
    """The traits of a stream's source that workers have to know. `live`: it has no end, so its frames are of no use when they are
    old. `policy`, `track`: the stream's own; None where the patterns of DetectOptions decide."""

    stream: str
    live: bool = False
    policy: Policy | None = None
    track: Track | None = None


class WorkerSettings(msgspec.Struct, frozen=True, tag="worker"):
    """The settings of a worker. `traits`: of the sources of this pipeline."""

    log: LogAt
    name: str
    group: str
    lane: str
    start: Start
    ring_path: str
    decode_threads: int
    max_pixels: int
    video_bytes: int
    max_attempts: int
    regions: dict[str, Regions]
    min_size_px: float
    suspects: list[Suspect]
    drain_s: float
    sample: float
    policies: dict[str, Policy]
    track: dict[str, Track]
    traits: list[SourceTraits]
    when: When
    motion: Motion


class DetectorSettings(msgspec.Struct, frozen=True, tag="detector"):
    """The settings of a detector. `facts`: the stem of the files in which it describes its models; see `facts.py`."""

    address: str
    facts: str
    ring_dir: str
    options: DetectOptions
    device: int = 0


class SourceOrder(msgspec.Struct, frozen=True):
    """One source that ingest is to read into `stream`. `source`: as the user wrote it, without a name. `codec`: how films go into
    the log. `since_us`: when it was asked for. This tells it from another order for the same stream, and a restarted ingest process
    does not repeat passes finished since then. `live`: it has no end. `stall_s`: as in SourceOptions. `track`: as in
    SourceTraits. `labels`: as for FrameWriter.open_stream."""

    stream: str
    source: str
    rate: str
    loop: int
    since_us: int
    codec: Codec = DEFAULT_CODEC
    live: bool = False
    stall_s: float = STALL_S
    track: Track | None = None
    labels: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SourceOrder(stream={self.stream!r}, source={without_secrets(self.source)!r}, since_us={self.since_us})"


class IngestSettings(msgspec.Struct, frozen=True, tag="ingest"):
    """The settings of an ingest process. `stays`: more sources may come; otherwise it ends once all of these have ended."""

    log: LogAt
    sources: list[SourceOrder]
    stays: bool = False


Settings = WorkerSettings | DetectorSettings | IngestSettings


class Begin(msgspec.Struct, frozen=True):
    """The settings that a process reads from its standard input at its start, since its sources may not fit into a packet.
    Messages on the channel wait meanwhile. `fail_at`: a point at which a test has the process killed."""

    settings: Settings
    fail_at: str = ""
    fail_nth: int = 1

    def to_file(self) -> BinaryIO:
        """Write the settings to a file in memory, positioned at its beginning for the child that inherits it."""
        file = os.fdopen(os.memfd_create("framehop-begin"), "w+b")
        file.write(_encoder.encode(self))
        file.seek(0)
        return file

    @classmethod
    def from_bytes(cls, data: bytes) -> Begin:
        """Parse `data`. Raises ProcessError."""
        try:
            return _begin_decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ProcessError(f"the settings from the supervisor do not parse: {error}") from error


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


class AddSource(msgspec.Struct, frozen=True, tag="add_source"):
    """Read this source too."""

    order: SourceOrder


class RemoveSource(msgspec.Struct, frozen=True, tag="remove_source"):
    """Stop reading this source, and give up its stream once what was read is in the log."""

    order: SourceOrder


MAX_LAST_ERROR = 200  # bytes; messages between processes are bounded

Phase = Literal["waiting", "opening", "running", "retrying", "paused", "ended", "failed"]


class SourceHealth(msgspec.Struct, frozen=True):
    """The health of a source, which ingest knows beside its phase. Times are microseconds since 1970, 0 where there is none yet.

    `phase_since_us`: when the phase began. `fps`: measured over the last seconds, `declared_fps`: as the source says. `bytes`:
    handed to the log. `reconnects`: successful ones. `next_try_us`: when a source that is `retrying` is tried again. `last_error`:
    why it was away last, also once it is back; one line of at most MAX_LAST_ERROR bytes. `clock`: whose clock gave the last frame
    its capture time, `camera` or `ingest`. `doubt`: why the camera's own is not believed.
    """

    phase_since_us: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    declared_fps: float = 0.0
    last_frame_us: int = 0
    reconnects: int = 0
    bytes: int = 0
    next_try_us: int = 0
    last_error: str = ""
    clock: str = ""
    doubt: str = ""


class SourceNews(msgspec.Struct, frozen=True):
    """The state of one source of ingest. `appended` and `acked` count frames since the process began with the source."""

    stream: str
    since_us: int
    phase: Phase
    appended: int = 0
    acked: int = 0
    error: str = ""
    health: SourceHealth = SourceHealth()


class News(msgspec.Struct, frozen=True, tag="news"):
    """The states of those sources whose state has changed."""

    sources: list[SourceNews]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The process works now. `model`: the number of a detector's model, whose file is written; 0 for a process without one."""

    model: int = 0


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A sign of life from a process. Its counters count from the start of the process. `behind_s`: how old the frames are that it
    begins with now, of streams in which nothing may be skipped. `spooled_frames`, `spooled_bytes`: what waits in its spool.
    `found`: of the events, by stream."""

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

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)
_begin_decoder = msgspec.json.Decoder(Begin)


class Channel:
    """One end of a control pair. Sending never blocks for long: packets are small and the peer reads them. Not thread-safe."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.said_ready = False
        abandon_in_children(self)

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Return our end, and the socket to hand to the child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        return cls(ours), theirs

    @classmethod
    def from_fd(cls, fd: int) -> Channel:
        """Return the child's end, made from the descriptor that the child inherited."""
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sock.set_inheritable(False)
        return cls(sock)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message) -> bool:
        """Send a message; False when the peer is gone, or its queue is full. Raises ProcessError for a message that is too long."""
        packet = _encoder.encode(message)
        if len(packet) > MAX_PACKET:
            raise ProcessError(f"a control message of {len(packet)} bytes is over the limit of {MAX_PACKET}")
        try:
            self._socket.send(packet)
            self.said_ready |= isinstance(message, Ready)
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            return False
        return True

    def receive(self) -> list[Message] | None:
        """Return all messages at hand; None when the peer is gone and everything it said was read."""
        messages: list[Message] = []
        while True:
            try:
                packet = self._socket.recv(MAX_PACKET)
            except BlockingIOError:
                return messages
            except ConnectionResetError:
                packet = b""
            if not packet:
                return messages or None
            messages.append(_parse(packet))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def abandon(self) -> None:
        """Close our end in a forked child, so that the other end still sees when the parent is gone."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parse(packet: bytes) -> Message:
    try:
        message: Message = _decoder.decode(packet)
    except msgspec.MsgspecError as error:
        raise ProcessError(f"a control message does not parse: {error}") from error
    return message
