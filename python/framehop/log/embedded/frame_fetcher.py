"""Read frames of several partitions, fairly."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from framehop.log.embedded.context import LogContext
from framehop.log.embedded.frame_rows import SELECTED, address_of, meta_of
from framehop.log.embedded.segments import SegmentMaps
from framehop.log.sqlite import connect, rows, translated
from framehop.types import FrameRecord

_SELECT = f'SELECT {SELECTED} FROM frames WHERE partition=? AND "offset">=? ORDER BY "offset" LIMIT ?'  # noqa: S608

_SWEEP_INTERVAL_S = 1.0


class FrameFetcher:
    """The positions of one consumer and its mapped segments. Use from one thread."""

    def __init__(self, context: LogContext) -> None:
        self._context = context
        self._db = connect(context.paths.index)
        self._maps = SegmentMaps(context.paths.frames)
        self._positions: dict[int, int] = {}
        self._turn = 0
        self._next_sweep = 0.0

    def seek(self, positions: Mapping[int, int]) -> None:
        """Continue reading at these offsets."""
        self._positions.update(positions)

    def fetch(self, tenures: Mapping[int, int], max_frames: int) -> list[FrameRecord]:
        """Return up to `max_frames` frames of the partitions that have a tenure, in offset order per partition. No partition
        starves another: those with frames share the room, and the first one changes from call to call. After an error the positions
        are unchanged."""
        before = self._positions.copy()
        try:
            return self._fetch(tenures, max_frames)
        except BaseException:
            self._positions = before
            raise

    def _fetch(self, tenures: Mapping[int, int], max_frames: int) -> list[FrameRecord]:
        with translated(self._context.paths.frames):
            self._sweep_maps()
            waiting = self._waiting(tenures)
            found: list[FrameRecord] = []
            for index, partition in enumerate(waiting):
                room = max_frames - len(found)
                share = -(-room // (len(waiting) - index))
                if share > 0:
                    found += self._read(partition, share, waiting[partition], tenures[partition])
            return found

    def close(self) -> None:
        self._maps.close()
        self._db.close()

    def _sweep_maps(self) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + _SWEEP_INTERVAL_S
            self._maps.drop_unlinked()

    def _waiting(self, owned: Mapping[int, int]) -> dict[int, int]:
        """Return the end offset of each owned partition that has something to read, in this call's order."""
        ends = rows(self._db, "SELECT partition, next_offset FROM partitions")
        behind = [
            (partition, end) for partition, end in ends if partition in owned and self._positions[partition] < end
        ]
        self._turn += 1
        first = self._turn % len(behind) if behind else 0
        return dict(behind[first:] + behind[:first])

    def _read(self, partition: int, limit: int, end: int, tenure: int) -> list[FrameRecord]:
        found = rows(self._db, _SELECT, (partition, self._positions[partition], limit))
        # Finding nothing before the end means that retention removed the rest and left a gap record.
        self._positions[partition] = found[-1][1] + 1 if found else end
        records = [self._record(row, tenure) for row in found]
        if all(record.payload is not None for record in records):
            return records
        # Retention deletes rows before their file, and both may have gone since we read the rows: that is no loss.
        there = {row[1] for row in rows(self._db, _SELECT, (partition, found[0][1], limit))}
        return [record for record in records if record.payload is not None or record.meta.pointer.offset in there]

    def _record(self, row: tuple[Any, ...], tenure: int) -> FrameRecord:
        meta, address = meta_of(row), address_of(row)
        payload = self._maps.read(address.segment, address.position, meta.payload_bytes)
        return FrameRecord(meta=meta, payload=payload, tenure=tenure)
