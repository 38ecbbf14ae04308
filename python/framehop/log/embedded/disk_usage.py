"""Measure how much room a log takes on its disk, and how much it may take."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.sqlite import free_bytes, value

# Segments being written are counted by their rows, since their files are larger than their contents.
_OPEN = """
SELECT coalesce(sum(frames.bytes), 0) FROM frames JOIN segments ON segments.id=frames.segment WHERE NOT segments.closed
"""
_CLOSED = "SELECT coalesce(sum(bytes), 0) FROM segments WHERE closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Room in bytes. `pictures`: in closed segments. `index`: rows and events. `free`: on the disk."""

    pictures: int
    index: int
    free: int

    def picture_limit(self, options: LogOptions) -> int | None:
        """Return how much the pictures may take; None without a limit."""
        limits = [options.retain_bytes]
        if (whole := self._whole(options)) is not None:
            limits.append(max(0, whole - self.index))
        return min((limit for limit in limits if limit is not None), default=None)

    def crowded_by_events(self, options: LogOptions) -> bool:
        """Return whether events take more than half of the log's share of the disk; the oldest are then dropped early."""
        whole = self._whole(options)
        return whole is not None and self.index > whole // 2

    def _whole(self, options: LogOptions) -> int | None:
        share = options.retain_disk_share
        return None if share is None else int(share * (self.free + self.pictures + self.index))


def measure(db: apsw.Connection, paths: LogPaths) -> Room:
    """Measure the present room from three counters of SQLite's and one of the file system's."""
    pages = value(db, "PRAGMA page_count") - value(db, "PRAGMA freelist_count")
    return Room(
        pictures=int(value(db, _CLOSED)),
        index=int(pages * value(db, "PRAGMA page_size")),
        free=free_bytes(paths.root),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Use in bytes. `pictures`: in all segments, also those being written. `limit`: the oldest are dropped beyond it; None is no
    limit."""

    pictures: int
    limit: int | None


def usage(db: apsw.Connection, paths: LogPaths, options: LogOptions) -> Usage:
    """Measure the present use."""
    room = measure(db, paths)
    return Usage(pictures=room.pictures + int(value(db, _OPEN)), limit=room.picture_limit(options))
