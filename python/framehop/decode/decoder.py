"""The protocol of a decoder: its input, its outcomes, and its obligations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from framehop._core import Slot, SlotRef
from framehop.errors import FramehopError
from framehop.types import FrameRecord, Need, Partition

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]
TakeSlot = Callable[[FrameRecord], Slot | None]


class DecoderError(FramehopError):
    """A frame could not be decoded for a reason that does not lie in its bytes, such as a lack of memory."""

    def __init__(self, record: FrameRecord, why: str) -> None:
        super().__init__(f"{record.meta.key} could not be decoded: {why}")
        self.key = record.meta.key


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """The options of decoding. `threads`: number of pictures decoded at a time. `max_pixels`: the largest picture to decode, in
    pixels as encoded. `video_bytes`: memory for the decoders of films, all together. `need`: the pixels to which a decoder may
    scale a picture down. It is the only one that changes while frames come, by `Decoder.scale_to`."""

    threads: int
    max_pixels: int
    video_bytes: int = 1 << 30
    need: Need = field(default_factory=Need)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeJob:
    """A frame to decode. `polled_us`: when it came out of the log, microseconds since 1970. `attempts`: how often its picture was
    decoded before and lost. `unwanted`: why nobody wants its picture, which is decoded only where other pictures need it; else
    empty. `alone`: of its stream only pictures are wanted that need no others, so an unwanted one is needed for nothing."""

    record: FrameRecord
    polled_us: int
    attempts: int = 0
    unwanted: str = ""
    alone: bool = False

    @property
    def payload(self) -> memoryview:
        """The encoded bytes. A frame whose bytes are lost is never made a job."""
        payload = self.record.payload
        assert payload is not None
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A picture in the ring. `size`: (width, height) of the source picture in pixels, upright and before any scaling. The job
    keeps the encoded bytes until the frame is answered, so that it can be decoded again without another look at the log."""

    job: DecodeJob
    ref: SlotRef
    size: Size
    decode_us: int

    @property
    def record(self) -> FrameRecord:
        return self.job.record


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A frame that has no picture. `error`: a code such as `corrupt_picture`. `why`: the rest of the reason, for people. `size`:
    (width, height) in pixels, None if unknown."""

    job: DecodeJob
    error: str
    why: str
    size: Size | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A frame without a picture to look at, which is nobody's fault. `reason`: `no-keyframe` (it came before the first key frame),
    `not-shown` (it has no picture of its own), `no-decoder` (too many streams are decoded at a time), or why it was unwanted."""

    job: DecodeJob
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """A small copy of a picture. `pixels`: uint8 [H, W, 3], RGB, the caller's own. `size`: (width, height) of the source picture in
    pixels."""

    pixels: NDArray[np.uint8]
    size: Size


Outcome = Decoded | Refused | Passed
Rounds = Iterator[list[Outcome]]


class Decoder(Protocol):
    """Decodes frames of some kinds of content into slots of the ring. Used by one thread.

    Every job gets one outcome, from the call that brought it or from a later one, in any order: a decoder may hold pictures back,
    and may keep state per (stream, epoch). It takes a slot only when a picture is about to come out.
    """

    @property
    def content_types(self) -> Collection[str]:
        """The content types that it decodes, such as `image/jpeg`, without parameters."""

    @property
    def inter_coded(self) -> bool:
        """Whether a picture may need the frames before it, back to a key frame."""

    @property
    def room(self) -> int:
        """Number of jobs that it decodes at once; further ones would wait for a second round."""

    def scale_to(self, need: Need) -> None:
        """Scale pictures that come out from now on down to no less than `need`; see DecodeOptions."""

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        """Take `jobs`, which may be none and are of any number, and yield the outcomes that are known now, in rounds.

        The caller hands the pictures of a round on before it asks for the next one, which may wait for their slots. A decoder holds
        no more slots than its `room` at a time. `take_slot` waits for a slot, and returns None when the worker is stopping, or is
        giving up the partitions of `jobs` and has no more time: then the slots that were taken are given back, and jobs without an
        outcome stay uncommitted, so that their next owner reads them again. What was held back of other partitions is kept, and
        comes out later. Raises DecoderError.
        """

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        """Return a small copy of a job's picture, which takes far less time than the picture, and no slot. None where the decoder
        has none to give: of content that may need other frames, and of a picture that is damaged or larger than `max_pixels`."""

    def drain(self, take_slot: TakeSlot) -> Rounds:
        """Yield the outcomes that were held back, as `decode` does. Called when no new frame has come for a while."""

    def release(self, partitions: Collection[Partition], take_slot: TakeSlot) -> Rounds:
        """Forget the streams of partitions that are given up, and yield the outcomes that were held back of them, as `decode`
        does. Those that find no slot are not yielded: the partitions' next owner reads their frames again."""

    def close(self) -> None:
        """Free threads and memory. Closing twice is harmless."""
