"""Drop old events, but never while their frames are still there."""

from __future__ import annotations

import time
from collections.abc import Sequence

import apsw

from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.sqlite import rows, transaction
from framehop.timing import now_us

CHUNK = 1024  # events per transaction, so that each stays short
CHUNKS_PER_ROUND = 4
_REST_S = 60.0

_WALK = """
SELECT "offset", appended_us, EXISTS(
    SELECT 1 FROM frames WHERE frames.stream=events.stream AND frames.epoch=events.epoch AND frames.seq=events.seq)
FROM events WHERE "offset">? ORDER BY "offset" LIMIT ?
"""


class EventRetention:
    """Walks over the events from the oldest on, a few chunks at a time, and removes old events whose frame is gone. It walks
    because an index on time would cost every commit. Runs under the flusher's lock."""

    def __init__(self, paths: LogPaths, options: LogOptions) -> None:
        self._paths = paths
        self._age_s = options.retain_event_age_s
        self._walked_to = 0
        self._rest_until = 0.0

    def apply(self, db: apsw.Connection, *, hurry: bool) -> None:
        """Walk one round. `hurry`: there is no room, so age does not count."""
        if self._age_s is None and not hurry:
            return
        if time.monotonic() < self._rest_until and not hurry:
            return
        for _ in range(CHUNKS_PER_ROUND):
            now = now_us()
            if not self._walk(db, now if hurry or self._age_s is None else now - int(self._age_s * 1e6), now):
                self._walked_to = 0
                self._rest_until = time.monotonic() + min(_REST_S, (self._age_s or _REST_S) / 4)
                return

    def _walk(self, db: apsw.Connection, before_us: int, now: int) -> bool:
        """Walk one chunk; False at the end of the old events. Events from a clock that was ahead are passed over and do not end the
        walk."""
        found = rows(db, _WALK, (self._walked_to, CHUNK))
        gone = [offset for offset, appended, has_frame in found if appended < before_us and not has_frame]
        if gone:
            self._remove(db, gone)
        if len(found) < CHUNK or all(before_us <= appended <= now for _, appended, _ in found):
            return False
        self._walked_to = found[-1][0]
        return True

    def _remove(self, db: apsw.Connection, offsets: Sequence[int]) -> None:
        with transaction(db, self._paths.index):
            before = db.total_changes()
            db.executemany('DELETE FROM events WHERE "offset"=?', [(offset,) for offset in offsets])
            rows(db, "UPDATE event_account SET removed=removed+?", (db.total_changes() - before,))
