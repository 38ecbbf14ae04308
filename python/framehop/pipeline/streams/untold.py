"""The changes on a roster that ingest has not been told of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from threading import Condition

from framehop.pipeline.processes.source_messages import AddSource, RemoveSource, SourceOrder
from framehop.pipeline.streams.entry import Entry
from framehop.pipeline.wake import Wake

Change = AddSource | RemoveSource


class Untold:
    """The changes that ingest has to be told, in order. Thread-safe, by the roster's lock. `fileno` is readable while there is one.
    Of a source that is paused, ingest is told that it is removed."""

    def __init__(self, changed: Condition, entries: Mapping[str, Entry]) -> None:
        """`changed`: the roster's lock, which may be taken again by who has it. `entries`: the roster's own."""
        self._changed = changed
        self._entries = entries
        self._changes: deque[Change] = deque()
        self._wake = Wake()

    def fileno(self) -> int:
        return self._wake.fileno()

    def ring(self) -> None:
        """Wake whoever tells ingest, and workers."""
        self._wake.ring()

    def note(self, change: Change) -> None:
        with self._changed:
            self._changes.append(change)
            self._wake.ring()

    @property
    def wants_ingest(self) -> bool:
        """Whether there is a source to read that ingest has not been told of."""
        with self._changed:
            return any(stream in self._entries and not self._entries[stream].paused for stream in self._added())

    def _added(self) -> set[str]:
        return {change.order.stream for change in self._changes if isinstance(change, AddSource)}

    def begin(self) -> list[SourceOrder]:
        """Return all sources for an ingest that begins, and forget the untold changes, which these include."""
        with self._changed:
            self._changes.clear()
            self._wake.clear()
            return [entry.order for entry in self._entries.values() if not entry.paused]

    def tell(self, say: Callable[[Change], bool]) -> None:
        """Hand the changes to `say` in order; those that it does not take stay for the next call."""
        with self._changed:
            while self._changes and say(self._changes[0]):
                self._changes.popleft()
            self._wake.clear()

    def tell_again(self) -> None:
        """Note that an ingest process has ended as agreed. It may have been told of a source while it was ending, and never have
        begun it: its successor is told of such sources again."""
        with self._changed:
            told = self._added()
            for stream, entry in self._entries.items():
                if entry.status.phase == "waiting" and stream not in told:
                    self.note(AddSource(entry.order))
