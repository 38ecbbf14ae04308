"""Read frames of several partitions, fairly."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from framehop.log.embedded.context import LogContext
from framehop.log.embedded.frame_rows import SELECTED, address_of, meta_of
from framehop.log.embedded.segments import SegmentMaps
from framehop.log.sqlite import connect, rows, translated
from framehop.types import FrameRecord

_SELECT = f'SELECT {SELECTED} FROM frames WHERE partition=? AND "offset">=? ORDER BY "offset" LIMIT ?'  # noqa: S608

_SWEEP_INTERVAL_S = 1.0
_LATEST = 256  # frames of a partition by which its streams are counted


class _Claim:
    """The claim of a partition on the room of a fetch. `owed`: frames that it may still have."""

    def __init__(self) -> None:
        self.owed = 0.0
        self._latest: deque[str] = deque()
        self._frames: Counter[str] = Counter()

    @property
    def streams(self) -> int:
        """The number of streams that share the partition, by its latest frames; 1 before the first."""
        return max(1, len(self._frames))

    def serve(self, limit: int, streams: Iterable[str]) -> None:
        """Count what was read. `limit`: the most that could be. `streams`: one for each frame."""
        served = 0
        for stream in streams:
            served += 1
            self._frames[stream] += 1
            self._latest.append(stream)
            if len(self._latest) > _LATEST:
                self._forget(self._latest.popleft())
        self.owed = max(0.0, self.owed - served) if served == limit else 0.0  # who has no more claims no more

    def _forget(self, stream: str) -> None:
        self._frames[stream] -= 1
        if not self._frames[stream]:
            del self._frames[stream]


class FrameFetcher:
    """The positions of one consumer and its mapped segments. Use from one thread."""

    def __init__(self, context: LogContext) -> None:
        self._context = context
        self._db = connect(context.paths.index)
        self._maps = SegmentMaps(context.paths.frames)
        self._positions: dict[int, int] = {}
        self._claims: defaultdict[int, _Claim] = defaultdict(_Claim)
        self._next_sweep = 0.0

    def seek(self, positions: Mapping[int, int]) -> None:
        """Continue reading at these offsets."""
        self._positions.update(positions)

    def fetch(self, tenures: Mapping[int, int], max_frames: int) -> list[FrameRecord]:
        """Return up to `max_frames` frames of the partitions that have a tenure, in offset order per partition. No stream
        starves another: partitions share the room by how many streams they have, and what is owed to one comes with the next calls.
        After an error the positions are unchanged."""
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
            room, spare = max_frames, 0
            for partition, claim in self._turns(waiting, max_frames):
                limit = min(room, max(1, int(claim.owed)) + spare)
                if limit:
                    records = self._read(partition, limit, waiting[partition], tenures[partition])
                    claim.serve(limit, (record.meta.key.stream for record in records))
                    room, spare = room - len(records), limit - len(records)
                    found += records
            return found

    def _turns(self, waiting: Iterable[int], room: int) -> list[tuple[int, _Claim]]:
        """Return the partitions, those to which most is owed first, once this call's room is shared out."""
        turns = [(partition, self._claims[partition]) for partition in waiting]
        streams = sum(claim.streams for _, claim in turns)
        for _, claim in turns:
            claim.owed += room * claim.streams / streams
        return sorted(turns, key=lambda turn: turn[1].owed, reverse=True)

    def close(self) -> None:
        self._maps.close()
        self._db.close()

    def _sweep_maps(self) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + _SWEEP_INTERVAL_S
            self._maps.drop_unlinked()

    def _waiting(self, owned: Mapping[int, int]) -> dict[int, int]:
        """Return the end offset of each owned partition that has something to read."""
        ends = rows(self._db, "SELECT partition, next_offset FROM partitions")
        return {partition: end for partition, end in ends if partition in owned and self._positions[partition] < end}

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
