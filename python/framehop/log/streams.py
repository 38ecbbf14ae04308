"""The row of a stream: which epoch its next writer goes on with."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from framehop.errors import StreamBusyError
from framehop.log.append_queue import PassChange
from framehop.log.index import row, rows, value
from framehop.timing import now_us
from framehop.types import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStream:
    """A stream in a writer's hands. `generation`: of this opening; checked by every transaction."""

    state: StreamState
    generation: int


def next_epoch(last: int) -> int:
    """Later than `last`, whatever became of the clock."""
    return max(now_us(), last + 1)


def open_stream_row(db: apsw.Connection, stream: str, *, source: str, finite: bool, writer: str) -> OpenedStream:
    """Within a transaction, by the holder of the stream's lock: resume an interrupted pass, or start a new epoch."""
    found = row(db, "SELECT epoch, source, pass_index, finished, generation FROM streams WHERE stream=?", (stream,))
    epoch, last_source, pass_index, finished, generation = found or (0, "", 0, 1, 0)
    if finite and not finished and last_source == source:
        state = StreamState(stream=stream, epoch=epoch, next_seq=next_seq(db, stream, epoch), pass_index=pass_index)
    else:
        state = StreamState(stream=stream, epoch=next_epoch(epoch), next_seq=0)
    # A live source's epoch ends with its writer: to the next one it is finished.
    rows(
        db,
        "INSERT OR REPLACE INTO streams(stream, epoch, source, pass_index, finished, generation, writer) VALUES(?,?,?,?,?,?,?)",
        (stream, state.epoch, source, state.pass_index, int(not finite), generation + 1, writer),
    )
    return OpenedStream(state=state, generation=generation + 1)


def next_seq(db: apsw.Connection, stream: str, epoch: int) -> int:
    """Behind the last frame of the epoch, be it in the log or taken by retention. The rows are the truth."""
    where = (stream, epoch)
    frame = value(db, "SELECT max(seq) FROM frames WHERE stream=? AND epoch=?", where)
    gap = value(db, "SELECT max(last_seq) FROM gaps WHERE stream=? AND epoch=?", where)
    return 1 + max(-1 if frame is None else int(frame), -1 if gap is None else int(gap))


def change_pass(db: apsw.Connection, change: PassChange) -> None:
    """Within a transaction that has checked the generation."""
    rows(
        db,
        "UPDATE streams SET epoch=?, pass_index=?, finished=? WHERE stream=?",
        (change.epoch, change.pass_index, int(change.finished), change.stream),
    )


def check_generation(db: apsw.Connection, stream: str, generation: int) -> None:
    """Within a transaction: raise StreamBusyError unless `generation` is still the stream's own."""
    found = row(db, "SELECT generation FROM streams WHERE stream=?", (stream,))
    if found != (generation,):
        raise StreamBusyError(f"stream {stream} has been taken over by another writer: nothing more is written here")
