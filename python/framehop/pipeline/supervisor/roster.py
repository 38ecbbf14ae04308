"""The sources that a pipeline is to read, and the state of each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from framehop.errors import InvalidArgumentError, SourceError
from framehop.pipeline.control import AddSource, Phase, RemoveSource, SourceHealth, SourceNews, SourceOrder
from framehop.pipeline.wake import Wake
from framehop.sources import SourceSpec

Change = AddSource | RemoveSource


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream that is written by this pipeline.

    `phase`: `waiting` for its process, `opening`, `running`, `retrying` (a live source that is away; `error` says why), `paused`,
    `ended` (a finite source, all of it in the log), `failed` with `error`; a pushed stream is `running`. `appended`: frames handed
    to the log; `acked`: those that are in it. Both count only frames of the process that reads the source now.
    """

    stream: str
    source: str
    phase: Phase
    appended: int = 0
    acked: int = 0
    error: str = ""
    health: SourceHealth = field(default_factory=SourceHealth)

    @property
    def over(self) -> bool:
        """Whether no more frames come from it."""
        return self.phase in ("ended", "failed")


class Roster:
    """The sources of one pipeline. Thread-safe. `fileno` is readable while there are changes that ingest must be told.

    `on_change` is called at each change of a stream's phase, from the thread that notes the change and without a lock.
    """

    def __init__(self, on_change: Callable[[StreamStatus], None] | None = None) -> None:
        self._wake = Wake()
        self._changed = threading.Condition()
        self._orders: dict[str, SourceOrder] = {}
        self._statuses: dict[str, StreamStatus] = {}
        self._untold: deque[Change] = deque()
        self._on_change = on_change

    # ---- orders, from any thread

    def add(self, order: SourceOrder) -> None:
        """Add a source. Raises InvalidArgumentError when the stream has one already."""
        with self._changed:
            if order.stream in self._orders:
                raise InvalidArgumentError(
                    f"stream {order.stream} has the source {_shown(self._orders[order.stream])} already: "
                    "give this one another stream=, or remove that one first"
                )
            self._orders[order.stream] = order
            self._statuses[order.stream] = StreamStatus(stream=order.stream, source=_shown(order), phase="waiting")
            self._tell(AddSource(order))

    def remove(self, stream: str) -> bool:
        """Remove a stream's source; False when there is none."""
        with self._changed:
            order = self._orders.pop(stream, None)
            if order is None:
                return False
            del self._statuses[stream]
            self._tell(RemoveSource(order))
            self._changed.notify_all()
            return True

    def _tell(self, change: Change) -> None:
        self._untold.append(change)
        self._wake.ring()

    def has(self, stream: str) -> bool:
        with self._changed:
            return stream in self._orders

    # ---- the supervisor's side

    def fileno(self) -> int:
        return self._wake.fileno()

    @property
    def empty(self) -> bool:
        with self._changed:
            return not self._orders

    @property
    def wants_ingest(self) -> bool:
        """Whether there is a source that ingest has not been told of."""
        with self._changed:
            return any(isinstance(change, AddSource) and change.order.stream in self._orders for change in self._untold)

    def begin(self) -> list[SourceOrder]:
        """Return all sources for an ingest process that begins, and forget the untold changes, which these include."""
        with self._changed:
            self._untold.clear()
            self._wake.clear()
            return list(self._orders.values())

    def tell(self, say: Callable[[Change], bool]) -> None:
        """Hand the changes to `say` in order; those that it does not take stay for the next call."""
        with self._changed:
            while self._untold and say(self._untold[0]):
                self._untold.popleft()
            self._wake.clear()

    def note(self, news: SourceNews) -> None:
        """Note the state of a source as ingest reports it; ignore a source that was removed meanwhile."""
        with self._changed:
            order = self._orders.get(news.stream)
            if order is None or order.since_us != news.since_us:
                return
            before = self._statuses[news.stream].phase
            status = StreamStatus(
                stream=news.stream,
                source=_shown(order),
                phase=news.phase,
                appended=news.appended,
                acked=news.acked,
                error=news.error,
                health=news.health,
            )
            self._statuses[news.stream] = status
            self._changed.notify_all()
        if self._on_change is not None and before != news.phase:
            self._on_change(status)

    # ---- views

    def statuses(self) -> dict[str, StreamStatus]:
        with self._changed:
            return dict(self._statuses)

    def wait_for(self, stream: str, done: Callable[[StreamStatus], bool], timeout_s: float) -> StreamStatus:
        """Wait until the status is `done` or the time is up, and return it. Raises SourceError once the source has been removed."""
        with self._changed:
            self._changed.wait_for(lambda: stream not in self._statuses or done(self._statuses[stream]), timeout_s)
            if stream not in self._statuses:
                raise SourceError(f"stream {stream} was removed")
            return self._statuses[stream]


def _shown(order: SourceOrder) -> str:
    """Return the source for people, without passwords."""
    return SourceSpec(source=order.source).shown
