"""The rows of a spool's index: the frames that wait, the places of their epochs, and the gaps that are not yet reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apsw
import msgspec

from framehop.log.embedded.frame_rows import SELECTED
from framehop.log.sqlite import row, rows
from framehop.types import Partition, Place

Epoch = tuple[str, int]  # stream, epoch

# partition, offset: see Place. A row is written before the first frame of its epoch that the spool has held is sent.
PLACES = """
CREATE TABLE IF NOT EXISTS places(
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY(stream, epoch)
) STRICT, WITHOUT ROWID;
"""

# JSON. A row is written before the first frame of an epoch whose stream has labels of its own, and whose place nobody knows yet.
LABELS = """
CREATE TABLE IF NOT EXISTS labels(
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY(stream, epoch)
) STRICT, WITHOUT ROWID;
"""

# The process that opens the index holds the slot: nobody else is about to store the first frame of such an epoch.
FORGET_LABELS = """
DELETE FROM labels
WHERE NOT EXISTS(SELECT 1 FROM frames WHERE frames.stream=labels.stream AND frames.epoch=labels.epoch)
    AND NOT EXISTS(SELECT 1 FROM gaps WHERE gaps.stream=labels.stream AND gaps.epoch=labels.epoch)
"""

# The process that opens the index holds the slot: every segment's writer is dead.
CLOSE_ALL = """
UPDATE segments SET closed=1, (bytes, newest_us) =
    (SELECT coalesce(sum(bytes), 0), coalesce(max(appended_us), 0) FROM frames WHERE segment=segments.id)
WHERE NOT closed
"""
_NEXT = f"SELECT {SELECTED} FROM frames WHERE stream=? AND epoch=? AND seq>? ORDER BY seq LIMIT ?"  # noqa: S608
_RANGE = "FROM frames WHERE stream=? AND epoch=? AND seq BETWEEN ? AND ?"
_BACKLOG = "SELECT stream, epoch, min(seq), max(seq) FROM frames GROUP BY stream, epoch ORDER BY epoch"
_EMPTY = "SELECT id FROM segments WHERE closed AND NOT EXISTS(SELECT 1 FROM frames WHERE segment=segments.id)"
_IN_SEGMENT = "SELECT stream, epoch, min(seq), max(seq) FROM frames WHERE segment=? GROUP BY stream, epoch"
_KEY_BEHIND = "SELECT min(seq) FROM frames WHERE stream=? AND epoch=? AND seq>? AND keyframe=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRun:
    """Frames of one epoch, from `first` to `last`."""

    epoch: Epoch
    first: int
    last: int


def next_rows(db: apsw.Connection, epoch: Epoch, after: int, limit: int) -> list[tuple[Any, ...]]:
    """Return the next rows of an epoch, as `frame_rows` reads them."""
    return rows(db, _NEXT, (*epoch, after, limit))


def backlog(db: apsw.Connection) -> list[WaitingRun]:
    """Return what waits, oldest epoch first."""
    return [
        WaitingRun(epoch=(stream, epoch), first=first, last=last) for stream, epoch, first, last in rows(db, _BACKLOG)
    ]


def totals(db: apsw.Connection) -> tuple[int, int]:
    """Return how many frames wait, and their bytes."""
    [(count, size)] = rows(db, "SELECT count(*), coalesce(sum(bytes), 0) FROM frames")
    return count, size


def delete_run(db: apsw.Connection, run: WaitingRun) -> tuple[int, int]:
    """Delete the frames of a run within a transaction; return how many there were, and their bytes."""
    where = (*run.epoch, run.first, run.last)
    [(count, size)] = rows(db, f"SELECT count(*), coalesce(sum(bytes), 0) {_RANGE}", where)
    rows(db, f"DELETE {_RANGE}", where)
    return count, size


def empty_segments(db: apsw.Connection) -> list[int]:
    """Return the closed segments in which no frame is left."""
    return [number for (number,) in rows(db, _EMPTY)]


# ---- places


def place_of(db: apsw.Connection, epoch: Epoch) -> Place | None:
    found = row(db, 'SELECT topic, partition, "offset" FROM places WHERE stream=? AND epoch=?', epoch)
    return None if found is None else Place(partition=Partition(found[0], found[1]), offset=found[2])


def keep_place(db: apsw.Connection, epoch: Epoch, place: Place) -> None:
    values = (*epoch, place.partition.topic, place.partition.number, place.offset)
    rows(db, "INSERT OR REPLACE INTO places VALUES(?,?,?,?,?)", values)


def forget_place(db: apsw.Connection, epoch: Epoch) -> None:
    """Forget where an epoch belongs. Its labels stay while the log has not been told of a gap in it: they name the gap's place."""
    rows(db, "DELETE FROM places WHERE stream=? AND epoch=?", epoch)
    untold = "SELECT 1 FROM gaps WHERE gaps.stream=labels.stream AND gaps.epoch=labels.epoch"
    rows(db, f"DELETE FROM labels WHERE stream=? AND epoch=? AND NOT EXISTS({untold})", epoch)  # noqa: S608


def labels_of(db: apsw.Connection, epoch: Epoch) -> dict[str, str]:
    found = row(db, "SELECT labels FROM labels WHERE stream=? AND epoch=?", epoch)
    return {} if found is None else msgspec.json.decode(found[0], type=dict[str, str])


def keep_labels(db: apsw.Connection, epoch: Epoch, labels: Mapping[str, str]) -> None:
    rows(db, "INSERT OR REPLACE INTO labels VALUES(?,?,?)", (*epoch, msgspec.json.encode(dict(labels)).decode()))


# ---- what is dropped


def oldest_groups(db: apsw.Connection, sent: Mapping[Epoch, int]) -> list[WaitingRun]:
    """Return the groups of pictures that begin in the oldest segment with frames that are not on their way. A group is whole: it
    goes up to the next key frame of its epoch, or up to the last frame if there is none. Workers skip what still comes of a group
    that lost its key frame so."""
    for (segment,) in rows(db, "SELECT DISTINCT segment FROM frames ORDER BY segment"):
        if runs := [run for run in _runs_in(db, segment) if run.last > sent.get(run.epoch, -1)]:
            return [_whole(db, run, sent.get(run.epoch, -1)) for run in runs]
    return []


def newest_us_of_oldest(db: apsw.Connection) -> int | None:
    """Return when the newest frame of the oldest segment came, microseconds since 1970; None when nothing waits."""
    sql = "SELECT max(appended_us) FROM frames WHERE segment=(SELECT min(segment) FROM frames)"
    return None if (found := row(db, sql)) is None else found[0]


def _runs_in(db: apsw.Connection, segment: int) -> list[WaitingRun]:
    found = rows(db, _IN_SEGMENT, (segment,))
    return [WaitingRun(epoch=(stream, epoch), first=first, last=last) for stream, epoch, first, last in found]


def _whole(db: apsw.Connection, run: WaitingRun, sent: int) -> WaitingRun:
    [(key,)] = rows(db, _KEY_BEHIND, (*run.epoch, run.last))
    [(end,)] = rows(db, "SELECT max(seq) FROM frames WHERE stream=? AND epoch=?", run.epoch)
    return WaitingRun(epoch=run.epoch, first=max(run.first, sent + 1), last=end if key is None else key - 1)


def note_gap(db: apsw.Connection, run: WaitingRun, reason: str) -> None:
    """Note a gap within the transaction that makes it, or extend the one that ends right before it."""
    stream, epoch = run.epoch
    rows(
        db,
        "UPDATE gaps SET last_seq=? WHERE stream=? AND epoch=? AND last_seq=? AND reason=?",
        (run.last, stream, epoch, run.first - 1, reason),
    )
    if db.changes() == 0:
        rows(
            db,
            "INSERT INTO gaps(reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq)"
            " VALUES(?,0,0,-1,?,?,?,?)",
            (reason, stream, epoch, run.first, run.last),
        )


def noted_gaps(db: apsw.Connection) -> list[tuple[int, str, WaitingRun]]:
    """Return the gaps that the log has not been told, each with its number and reason."""
    found = rows(db, "SELECT id, reason, stream, epoch, first_seq, last_seq FROM gaps ORDER BY id")
    return [
        (number, reason, WaitingRun(epoch=(stream, epoch), first=first, last=last))
        for number, reason, stream, epoch, first, last in found
    ]


def forget_gap(db: apsw.Connection, number: int, last: int) -> None:
    """Forget a gap that was reported up to `last`, within a transaction; it may have grown meanwhile."""
    rows(db, "UPDATE gaps SET first_seq=? WHERE id=? AND last_seq>?", (last + 1, number, last))
    rows(db, "DELETE FROM gaps WHERE id=? AND last_seq=?", (number, last))
