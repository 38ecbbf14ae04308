"""The sources that a pipeline is to read, and the state of each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from msgspec import structs

from framehop.errors import ClosedError, InvalidArgumentError, SourceError
from framehop.pipeline.source_messages import (
    AddSource,
    Phase,
    RemoveSource,
    SourceHealth,
    SourceNews,
    SourceOrder,
    SourceTraits,
)
from framehop.pipeline.wake import Wake
from framehop.policies import Policy
from framehop.sources import hide_credentials, without_secrets
from framehop.sources.expand import MAX_SOURCES
from framehop.sources.identity import shown
from framehop.timing import now_us

Change = AddSource | RemoveSource


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream that is written by this pipeline. `source`: as the user wrote it, without a password.

    `phase`: `waiting` for its process, `opening`, `running`, `retrying` (a live source that is away; `error` says why), `paused`,
    `ended` (a finite source, all of it in the log), `failed` with `error`; a pushed stream is `running`. `appended`: frames handed
    to the log; `acked`: those that are in it. Both count only frames of the process that reads the source now. `labels`: the
    stream's own.
    """

    stream: str
    source: str
    phase: Phase
    appended: int = 0
    acked: int = 0
    error: str = ""
    health: SourceHealth = field(default_factory=SourceHealth)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether no more frames come from it."""
        return self.phase in ("ended", "failed")


class Roster:
    """The sources of one pipeline. Thread-safe. `fileno` is readable while there are changes that ingest must be told. A source
    that is paused keeps its order here, and ingest is told that it is removed.

    `on_change` is called at each change of a stream's phase, from the thread that notes the change and without a lock.
    """

    def __init__(self, on_change: Callable[[StreamStatus], None] | None = None) -> None:
        self._wake = Wake()
        self._changed = threading.Condition()
        self._orders: dict[str, SourceOrder] = {}
        self._statuses: dict[str, StreamStatus] = {}
        self._untold: deque[Change] = deque()
        self._paused: set[str] = set()
        self._policies: dict[str, Policy] = {}
        self._closed = False
        self._endless: set[str] = set()
        self._endless_gone = False
        self._on_change = on_change

    # ---- orders, from any thread

    def add(
        self, *orders: SourceOrder, endless: Collection[str] = (), policies: Mapping[str, Policy] | None = None
    ) -> None:
        """Add sources, all or none. `endless`: the streams that have no end; the pipeline goes on while it has one that has not
        failed, and also when one was removed, since another may come. `policies`: of streams that have one of their own. Raises
        InvalidArgumentError when a stream has a source already or there would be too many, ClosedError once the pipeline ends."""
        self.exchange((), *orders, endless=endless, policies=policies)

    def exchange(
        self,
        gone: Collection[str],
        *orders: SourceOrder,
        endless: Collection[str] = (),
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        """Remove the sources of the streams `gone`, and add sources as `add` does: all of it or nothing."""
        with self._changed:
            self._check_fits(gone, orders)
            for stream in gone:
                self._remove(stream)
            self._endless.update(endless)
            for order in orders:
                self._orders[order.stream] = order
                self._judge(order.stream, (policies or {}).get(order.stream))
                self._begin(order)

    def _check_fits(self, gone: Collection[str], orders: Collection[SourceOrder]) -> None:
        self._check_open()
        stays = self._orders.keys() - set(gone)
        if len(stays) + len(orders) > MAX_SOURCES:
            raise InvalidArgumentError(
                f"more than {MAX_SOURCES} sources are too many for one ingest: start another one"
            )
        for order in orders:
            if order.stream in stays:
                self._check_free(order.stream)

    def check_open(self) -> None:
        """Raise ClosedError once the pipeline ends."""
        with self._changed:
            self._check_open()

    def check_free(self, stream: str) -> None:
        """Raise InvalidArgumentError when the stream has a source."""
        with self._changed:
            self._check_free(stream)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this pipeline is ending and reads nothing more: start another one")

    def _check_free(self, stream: str) -> None:
        if stream in self._orders:
            raise InvalidArgumentError(
                f"stream {stream} has the source {without_secrets(self._orders[stream].source)} already: "
                "give this one another stream id, or remove that one first"
            )

    def _begin(self, order: SourceOrder) -> None:
        self._statuses[order.stream] = _status(order, "waiting")
        self._tell(AddSource(order))

    def remove(self, stream: str) -> bool:
        """Remove a stream's source; False when there is none."""
        with self._changed:
            return self._remove(stream)

    def _remove(self, stream: str) -> bool:
        order = self._orders.pop(stream, None)
        if order is None:
            return False
        del self._statuses[stream]
        self._policies.pop(stream, None)
        self._paused.discard(stream)
        self._endless_gone = self._endless_gone or stream in self._endless
        self._endless.discard(stream)
        self._tell(RemoveSource(order))
        self._changed.notify_all()
        return True

    def judge(self, stream: str, policy: Policy | None) -> bool:
        """Give a stream another policy of its own, or None of its own, and read on; False when it has no source."""
        with self._changed:
            if stream not in self._orders:
                return False
            self._judge(stream, policy)
            self._wake.ring()
            return True

    def _judge(self, stream: str, policy: Policy | None) -> None:
        if policy is None:
            self._policies.pop(stream, None)
        else:
            self._policies[stream] = policy

    def pause(self, stream: str) -> bool:
        """Stop reading a stream's source, and keep its place; False when there is none. Raises InvalidArgumentError when it has
        ended. Pausing twice is harmless."""
        with self._changed:
            order = self._orders.get(stream)
            if order is None:
                return False
            if self._statuses[stream].phase == "ended":
                raise InvalidArgumentError(f"stream {stream} has ended: there is nothing to pause")
            if stream in self._paused:
                return True
            self._paused.add(stream)
            status = self._statuses[stream] = _paused(self._statuses[stream])
            self._tell(RemoveSource(order))
            self._changed.notify_all()
        self._say(status)
        return True

    def resume(self, stream: str) -> bool:
        """Read a paused source again; False when the stream has no source. Harmless for one that is not paused. Raises ClosedError
        once the pipeline ends."""
        with self._changed:
            order = self._orders.get(stream)
            if order is None:
                return False
            if stream not in self._paused:
                return True
            self._check_open()
            self._paused.discard(stream)
            self._begin(order)
            self._changed.notify_all()
            status = self._statuses[stream]
        self._say(status)
        return True

    def try_close(self) -> bool:
        """Take no more sources, unless the pipeline has to go on, or there is one that ingest has not been told of."""
        with self._changed:
            self._closed = self._closed or not (self._stays or self._wants_ingest)
            return self._closed

    def close(self) -> None:
        """Take no more sources, because the pipeline ends."""
        with self._changed:
            self._closed = True

    def _tell(self, change: Change) -> None:
        self._untold.append(change)
        self._wake.ring()

    def has(self, stream: str) -> bool:
        with self._changed:
            return stream in self._orders

    # ---- the supervisor's side

    def fileno(self) -> int:
        return self._wake.fileno()

    def live(self) -> frozenset[str]:
        """Return the streams whose source has no end."""
        with self._changed:
            return frozenset(order.stream for order in self._orders.values() if order.live)

    def traits(self) -> list[SourceTraits]:
        """Return what workers have to know of each source."""
        with self._changed:
            return [
                SourceTraits(stream, order.live, self._policies.get(stream), order.track)
                for stream, order in self._orders.items()
            ]

    @property
    def empty(self) -> bool:
        with self._changed:
            return not self._orders

    @property
    def wants_ingest(self) -> bool:
        """Whether there is a source that ingest has not been told of."""
        with self._changed:
            return self._wants_ingest

    @property
    def _wants_ingest(self) -> bool:
        return any(
            isinstance(change, AddSource) and change.order.stream in self._orders.keys() - self._paused
            for change in self._untold
        )

    @property
    def stays(self) -> bool:
        """Whether the pipeline goes on although nothing is read: a source is paused, or one without end has gone by itself or by
        request, and not by a failure."""
        with self._changed:
            return self._stays

    @property
    def _stays(self) -> bool:
        living = any(self._statuses[stream].phase != "failed" for stream in self._endless)
        return living or self._endless_gone or bool(self._paused)

    def begin(self) -> list[SourceOrder]:
        """Return all sources for an ingest that begins, and forget the untold changes, which these include."""
        with self._changed:
            self._untold.clear()
            self._wake.clear()
            return [order for stream, order in self._orders.items() if stream not in self._paused]

    def tell_again(self) -> None:
        """Note that an ingest process has ended as agreed. One that was told of a source while it ended has never said anything of
        it, so its successor has to be told."""
        with self._changed:
            told = {change.order.stream for change in self._untold if isinstance(change, AddSource)}
            for stream, order in self._orders.items():
                if self._statuses[stream].phase == "waiting" and stream not in told:
                    self._tell(AddSource(order))

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
            before = self._statuses[news.stream]
            status = _status(order, news.phase, news)
            if news.stream in self._paused and status.phase != "ended":
                status = _paused(status, before.health.phase_since_us)
            self._statuses[news.stream] = status
            if status.phase == "ended":
                self._paused.discard(news.stream)
            self._changed.notify_all()
        if before.phase != status.phase:
            self._say(status)

    def _say(self, status: StreamStatus) -> None:
        if self._on_change is not None:
            self._on_change(status)

    # ---- views

    def statuses(self) -> dict[str, StreamStatus]:
        with self._changed:
            return dict(self._statuses)

    def policy(self, stream: str) -> Policy | None:
        """Return the stream's own policy; None when it has none."""
        with self._changed:
            return self._policies.get(stream)

    def order(self, stream: str) -> SourceOrder | None:
        with self._changed:
            return self._orders.get(stream)

    def wait_for(self, stream: str, done: Callable[[StreamStatus], bool], timeout_s: float) -> StreamStatus:
        """Wait until the status is `done` or the time is up, and return it. Raises SourceError once the source has been removed."""
        with self._changed:
            self._changed.wait_for(lambda: stream not in self._statuses or done(self._statuses[stream]), timeout_s)
            if stream not in self._statuses:
                raise SourceError(f"stream {stream} was removed")
            return self._statuses[stream]


def _status(order: SourceOrder, phase: Phase, news: SourceNews | None = None) -> StreamStatus:
    """Return what is known of a source, and no password with it."""
    health = news.health if news is not None else SourceHealth(phase_since_us=now_us())
    health = structs.replace(health, last_error=hide_credentials(health.last_error, order.source))
    return StreamStatus(
        stream=order.stream,
        source=shown(without_secrets(order.source)),
        phase=phase,
        appended=news.appended if news is not None else 0,
        acked=news.acked if news is not None else 0,
        error=hide_credentials(news.error, order.source) if news is not None else "",
        health=health,
        labels=order.labels,
    )


def _paused(status: StreamStatus, since_us: int = 0) -> StreamStatus:
    """Return this status as that of a source that is not read at the moment."""
    health = structs.replace(status.health, phase_since_us=since_us or now_us(), fps=0.0, next_try_us=0)
    return replace(status, phase="paused", error="", health=health)
