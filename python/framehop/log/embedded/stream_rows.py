"""The row of a stream, which tells in which epoch its next writer continues."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from framehop.errors import StreamBusyError
from framehop.log.embedded.append_queue import PassChange
from framehop.log.source_rows import forget_origins, origins_of
from framehop.log.sqlite import row, rows, value
from framehop.passes import LastPass, next_epoch, next_pass
from framehop.timing import now_us
from framehop.types import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStream:
    """A stream held by a writer. `generation`: number of this opening, checked by every transaction. `taken`: see FrameWriter."""

    state: StreamState
    generation: int
    taken: frozenset[str] = frozenset()


def open_stream_row(
    db: apsw.Connection, stream: str, *, source: str, finite: bool, writer: str, run_since_us: int | None = None
) -> OpenedStream:
    """Resume an interrupted pass or start a new epoch. Call within a transaction, holding the stream's lock."""
    found = row(db, "SELECT epoch, source, pass_index, finished_us, generation FROM streams WHERE stream=?", (stream,))
    epoch, last_source, pass_index, finished_us, generation = found or (0, "", 0, 1, 0)
    last = LastPass(source=last_source, epoch=epoch, finished_us=finished_us) if found else None
    plan = next_pass(last, source=source, finite=finite, run_since_us=run_since_us)
    if plan.resumes:
        seq = next_seq(db, stream, epoch)
        state = StreamState(stream=stream, epoch=epoch, next_seq=seq, pass_index=pass_index, done=plan.done)
    else:
        state = StreamState(stream=stream, epoch=next_epoch(epoch), next_seq=0, replaced=plan.replaced)
    forget_origins(db, stream, state.epoch)
    # A live source's epoch ends with its writer; the next one finds it finished long ago.
    rows(
        db,
        "INSERT OR REPLACE INTO streams(stream, epoch, source, pass_index, finished_us, generation, writer)"
        " VALUES(?,?,?,?,?,?,?)",
        (
            stream,
            state.epoch,
            source,
            state.pass_index,
            finished_us if plan.done else int(not finite),
            generation + 1,
            writer,
        ),
    )
    return OpenedStream(state=state, generation=generation + 1, taken=origins_of(db, stream, state.epoch))


def next_seq(db: apsw.Connection, stream: str, epoch: int) -> int:
    """Return the seq after the last frame of the epoch, whether that is in the log or was removed by retention. Only the rows
    count."""
    where = (stream, epoch)
    frame = value(db, "SELECT max(seq) FROM frames WHERE stream=? AND epoch=?", where)
    gap = value(db, "SELECT max(last_seq) FROM gaps WHERE stream=? AND epoch=?", where)
    return 1 + max(-1 if frame is None else int(frame), -1 if gap is None else int(gap))


def change_pass(db: apsw.Connection, change: PassChange) -> None:
    """Write the change. Call within a transaction that has checked the generation."""
    rows(
        db,
        "UPDATE streams SET epoch=?, pass_index=?, finished_us=? WHERE stream=?",
        (change.epoch, change.pass_index, now_us() if change.finished else 0, change.stream),
    )
    forget_origins(db, change.stream, change.epoch)


def check_generation(db: apsw.Connection, stream: str, generation: int) -> None:
    """Raise StreamBusyError unless `generation` is still the stream's own. Call within a transaction."""
    found = row(db, "SELECT generation FROM streams WHERE stream=?", (stream,))
    if found != (generation,):
        raise StreamBusyError(f"stream {stream} has been taken over by another writer: nothing more is written here")
