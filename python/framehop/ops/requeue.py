"""Append the bytes of failed frames to the log again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from framehop.errors import FramehopError, LogError, LogUnavailableError
from framehop.protocols import Ack, FrameLog, FrameWriter
from framehop.timing import now_us
from framehop.types import DeadLetter, Frame, FrameKey, FrameMeta, FrameRecord, StreamState

SOURCE = "deadletter:"
FLUSH_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeueSummary:
    """The results by the letter's id: the key of the new frame, or why there is none."""

    requeued: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def requeue(log: FrameLog, letters: Iterable[DeadLetter]) -> RequeueSummary:
    """Append the original pictures to `log`, in a new epoch of each stream: a frame's key never changes, and an id that failed
    stays failed. `errors` has those that cannot be read again or whose stream is being written (StreamBusyError); the others
    continue. Raises LogUnavailableError when the log does not acknowledge them."""
    summary = RequeueSummary()
    taken: set[str] = set()
    with log.writer() as writer:
        streams = _Streams(writer)
        for letter in letters:
            try:
                record = _original(log, letter)
                key = streams.next_key(record.meta.key.stream)
                writer.append(_frame(record, key), partial(_acknowledged, taken, letter.id))
            except LogUnavailableError:
                raise
            except FramehopError as error:
                summary.errors[letter.id] = str(error)
            else:
                summary.requeued[letter.id] = str(key)
        if not writer.flush(FLUSH_S):
            raise LogUnavailableError(f"{log.url} did not acknowledge all frames: {writer.stalled or 'the time is up'}")
    for letter_id in summary.requeued.keys() - taken:
        del summary.requeued[letter_id]
        summary.errors[letter_id] = "the log did not take its frame: look at the topic that it would go to"
    return summary


def _acknowledged(taken: set[str], letter_id: str, _ack: Ack) -> None:
    taken.add(letter_id)


class _Streams:
    """The streams opened so far, and the next seq of each. A stream that was refused stays refused."""

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer
        self._states: dict[str, StreamState] = {}
        self._used: dict[str, int] = {}
        self._refused: dict[str, FramehopError] = {}

    def next_key(self, stream: str) -> FrameKey:
        if stream in self._refused:
            raise self._refused[stream]
        if stream not in self._states:
            self._open(stream)
        state = self._states[stream]
        self._used[stream] = self._used.get(stream, -1) + 1
        return FrameKey(stream, state.epoch, state.next_seq + self._used[stream])

    def _open(self, stream: str) -> None:
        try:
            self._states[stream] = self._writer.open_stream(stream, source=SOURCE, finite=False)
        except FramehopError as error:
            self._refused[stream] = error
            raise


def _original(log: FrameLog, letter: DeadLetter) -> FrameRecord:
    if letter.event is None:
        raise LogError("it was not a frame: there is nothing to detect")
    record = log.read_frame(letter.record)
    if record is None or record.meta.key != letter.event.key:
        raise LogError("its frame is not in the log any more: retention has taken it")
    if record.payload is None:
        raise LogError("the log has no picture of it: it was damaged, or too large to be taken")
    if not record.meta.keyframe:
        raise LogError("it is not a key frame, and cannot be decoded by itself")
    return record


def _frame(record: FrameRecord, key: FrameKey) -> Frame:
    """Build the frame with its old capture time and a new receive time, so that no policy finds it too old."""
    meta: FrameMeta = record.meta
    return Frame(
        key=key,
        payload=bytes(record.payload or b""),
        captured_us=meta.captured_us,
        received_us=now_us(),
        clock=meta.clock,
        content_type=meta.content_type,
        keyframe=True,
        width=meta.width,
        height=meta.height,
        traceparent=meta.traceparent,
    )
