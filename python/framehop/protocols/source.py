"""The roles of a source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from framehop.account import LeftOut
from framehop.types import CaptureClock

NO_PICTURE = "application/octet-stream"  # the content type of a payload that is no picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One encoded picture from a source. `media_us`: its place on the source's own timeline, microseconds from the first. `due_us`:
    when it is sent, on the same timeline, if that is later than its place, as for B-frames.

    `error`: why there are no pixels, as in `unreadable: a.jpg: Permission denied`: a code, a colon, and a reason that names the
    file. Such a picture goes into the log like any other, with the original bytes as its payload if there are some that fit, and
    becomes a `failed` event with this reason. `origin`: see ListedSource.

    From a LiveSource: `captured_us`: when it was captured, microseconds since 1970, by `clock`; None: when it comes. `received_us`:
    when it came; None: now. Within an epoch the times are in the order of the screen. `begins`: this key frame continues nothing
    before it, so a new epoch begins with it.
    """

    payload: bytes
    media_us: int
    due_us: int | None = None
    width: int = 0
    height: int = 0
    content_type: str = "image/jpeg"
    keyframe: bool = True
    error: str = ""
    origin: str = ""
    captured_us: int | None = None
    clock: CaptureClock = "ingest"
    received_us: int | None = None
    begins: bool = False


class Source(Protocol):
    """Something that yields pictures. Opening, reading and closing happen in one thread.

    One bad picture does not end its source: it is yielded with `error` set. What is no picture at all (a text file in a folder, a
    packet that cannot be decoded) is left out and reported through `LeavesOut`, which any source may implement as well. Raise an
    exception only when the source cannot continue.
    """

    @property
    def uri(self) -> str: ...
    @property
    def stream(self) -> str:
        """The default stream id: the file's stem, made legal."""

    @property
    def rate(self) -> float:
        """Pictures per second at the source's own pace."""

    @property
    def finite(self) -> bool: ...
    @property
    def count(self) -> int | None:
        """Pictures in one pass; None if unknown or endless."""

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield one pass from picture `start_seq` on; a seq is the same picture every time. Raises SourceError."""


@runtime_checkable
class ListedSource(Protocol):
    """A source whose pictures are known by name and not by number, such as the files of a folder. After an interruption some may be
    gone and others new."""

    def pictures_besides(self, taken: Collection[str], start_seq: int) -> Iterator[Picture]:
        """Yield every picture whose `origin` is not in `taken`. Each picture has an origin of its own: for a file its name, size
        and time. `start_seq`: the number that the first one gets. Raises SourceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """The description of what a live source is sending. `codec`: such as `h264`; `width`, `height`: in pixels; `rate`: pictures per
    second as it declares them; `doubt`: why its own clock is not believed. Whatever is not known is empty or 0."""

    codec: str = ""
    width: int = 0
    height: int = 0
    rate: float = 0.0
    doubt: str = ""


@runtime_checkable
class LiveSource(Protocol):
    """A source that may go away and come back, such as a camera. Opening it connects to nothing."""

    @property
    def facts(self) -> SourceFacts:
        """The description of what the source sends, as far as that is known. May be read from any thread."""

    def follow(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        """Connect, and yield pictures until `stopped` returns True; it is asked several times a second. The first picture `begins`.
        Pictures of a recording have `due_us` and are to be held to it; those of a camera come when they are captured. Ends where a
        recording ends. Raises SourceAwayError when the source cannot be reached or has broken off: follow it again later; and
        SourceError when it can never be read."""


@runtime_checkable
class LeavesOut(Protocol):
    """A source that reports what it leaves out. Ingest counts it, keeps it with the stream, and names it on stderr."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Everything left out in this pass so far, one entry per reason. Read from the thread that iterates `pictures`, between two
        pictures or after the last. See `framehop.sources.left_out.Tally`."""


@runtime_checkable
class Versioned(Protocol):
    """A finite source that can be replaced under its name."""

    @property
    def version(self) -> str:
        """A text that changes when the source is replaced; an interrupted pass over the old version is then not continued."""


@runtime_checkable
class Timed(Protocol):
    """A finite source that knows how long one pass takes at its own pace, even if not how many pictures it has."""

    @property
    def length_us(self) -> int:
        """Microseconds; 0 if unknown."""
