"""Draw a picture with the first boxes, long before a film can be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from framehop._core import encode_jpeg
from framehop.cli.invocation import typed
from framehop.cli.output import note
from framehop.log import LogAt
from framehop.replacing import replace_file
from framehop.types import EventRecord


class FirstBoxes:
    """Writes the JPEG `path` again whenever one more of `streams` has its first boxes, so at most once for each."""

    def __init__(self, at: LogAt, streams: list[str], path: Path) -> None:
        """Prepare to draw. Raises MissingExtraError without the extra `video`."""
        from framehop.sinks.wall import still

        self._still = still
        self._at = at
        self._streams = streams
        self._path = path
        self._with_boxes: set[str] = set()

    def take(self, record: EventRecord) -> None:
        """Take the next event, in the log's order. Raises what drawing raises."""
        event = record.event
        if not event.objects or event.stream in self._with_boxes or event.stream not in self._streams:
            return
        self._with_boxes.add(event.stream)
        self._draw()
        if len(self._with_boxes) == 1:
            note(f"the first boxes are in {typed(self._path)}")

    def _draw(self) -> None:
        with self._at.open(create=False) as log:
            image = self._still(log, [stream for stream in self._streams if stream in self._with_boxes])
        replace_file(self._path, encode_jpeg(np.asarray(image)))
