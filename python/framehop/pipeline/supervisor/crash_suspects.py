"""The frames that were being decoded when a worker died: each may be the cause."""

from __future__ import annotations

from collections.abc import Iterable

from framehop._core import SlotInfo
from framehop.pipeline.processes.settings import Suspect
from framehop.types import FrameKey

LIMIT = 256  # keeps the newest: a few for every worker that died; few enough for one control message


class CrashSuspects:
    """Counts attempts per frame over all incarnations of all workers. Used by the supervisor's thread alone."""

    def __init__(self) -> None:
        self._attempts: dict[FrameKey, int] = {}

    def note(self, slots: Iterable[SlotInfo]) -> None:
        """Note a dead worker's slots: the frames that it was filling are suspect."""
        for slot in slots:
            if slot.state == "filling" and slot.tag is not None:
                self.add(FrameKey(slot.tag.stream, slot.tag.epoch, slot.tag.seq))

    def add(self, key: FrameKey) -> None:
        """Note that a worker ended because of this frame."""
        self._attempts[key] = self._attempts.pop(key, 0) + 1
        for oldest in list(self._attempts)[:-LIMIT]:
            del self._attempts[oldest]

    def listed(self) -> list[Suspect]:
        """Return the suspects for a worker that starts: it decodes each alone, and gives up those tried too often."""
        return [Suspect(key, attempts) for key, attempts in self._attempts.items()]
