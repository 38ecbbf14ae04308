"""Read every picture of the embedded log again and compare it with its checksum."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.schema import TOPIC
from framehop.log.embedded.segments import RECORD_HEADER_BYTES, is_broken, open_segment, read_at
from framehop.log.sqlite import translated
from framehop.protocols import ProgressCallback
from framehop.types import FrameKey, FramePointer, LostPicture

RunQuery = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

_NEXT_SEGMENT = "SELECT min(segment) FROM frames WHERE segment>?"
_FRAMES = (
    'SELECT partition, "offset", stream, epoch, seq, position, bytes FROM frames WHERE segment=? ORDER BY position'
)
_STILL_THERE = 'SELECT 1 FROM frames WHERE partition=? AND "offset"=?'


class PictureCheck:
    """Iterates over the lost pictures, file by file in the order they were written, with one picture in memory at a time."""

    def __init__(self, paths: LogPaths, query: RunQuery, on_progress: ProgressCallback | None) -> None:
        self._paths = paths
        self._query = query
        self._on_progress = on_progress
        self._done = 0

    def __iter__(self) -> Iterator[LostPicture]:
        total = int(self._query("SELECT coalesce(sum(bytes), 0) FROM frames", ())[0][0])
        segment = -1
        while (found := self._query(_NEXT_SEGMENT, (segment,))[0][0]) is not None:
            segment = int(found)
            lost = list(self._of_segment(segment))
            yield from (picture for picture in lost if self._is_there(picture.pointer))
            if self._on_progress:
                self._on_progress(min(self._done, total), total)

    def _is_there(self, pointer: FramePointer) -> bool:
        """Return whether the picture should still be there; retention may have removed it meanwhile, which is no loss."""
        return bool(self._query(_STILL_THERE, (pointer.partition, pointer.offset)))

    def _of_segment(self, segment: int) -> Iterator[LostPicture]:
        path = self._paths.segment(segment)
        name = str(path.relative_to(self._paths.root))
        with translated(path):
            fd = open_segment(path)
            try:
                for partition, offset, stream, epoch, seq, position, size in self._query(_FRAMES, (segment,)):
                    self._done += size
                    if size and (why := _what_is_wrong(fd, position, size)):
                        yield LostPicture(
                            key=FrameKey(stream, epoch, seq),
                            pointer=FramePointer(topic=TOPIC, partition=partition, offset=offset),
                            reason=f"its picture is lost: {name} {why}",
                        )
            finally:
                if fd is not None:
                    os.close(fd)


def _what_is_wrong(fd: int | None, position: int, size: int) -> str:
    """Say what is wrong with a picture; empty when it is whole."""
    if fd is None:
        return "is gone or cannot be opened"
    if position < 0 or size < 0:
        return f"has no byte {position}"
    end = os.fstat(fd).st_size
    if end < position + RECORD_HEADER_BYTES + size:  # checked first, since an index may claim any size
        return f"ends at byte {end}, before the picture does"
    try:
        whole = read_at(fd, position, size) is not None
    except OSError as error:
        if not is_broken(error):
            raise
        return f"cannot be read at byte {position}: {error.strerror}"
    return "" if whole else f"is damaged at byte {position}"
