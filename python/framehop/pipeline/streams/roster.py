"""The sources that a pipeline is to read, and the state of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

from framehop.errors import ClosedError, InvalidArgumentError, SourceError
from framehop.pipeline.processes.source_messages import AddSource, RemoveSource, SourceNews, SourceOrder, SourceTraits
from framehop.pipeline.streams.entry import Entry
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.streams.untold import Untold
from framehop.policies import Policy
from framehop.sources import without_secrets
from framehop.sources.expand import MAX_SOURCES


class Roster:
    """The sources of one pipeline. Thread-safe. `untold`: what ingest has to be told of them.

    `on_change` is called at each change of a stream's phase, from the thread that notes the change and without a lock.
    """

    def __init__(self, on_change: Callable[[StreamStatus], None] | None = None) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._entries: dict[str, Entry] = {}
        self._closed = False
        self._endless_gone = False
        self._on_change = on_change
        self.untold = Untold(self._changed, self._entries)

    # ---- changes

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
                self.remove(stream)
            for order in orders:
                self._entries[order.stream] = Entry.of(order, (policies or {}).get(order.stream))
                self.untold.note(AddSource(order))
            for stream in self._entries.keys() & set(endless):
                self._entries[stream].endless = True

    def remove(self, stream: str) -> bool:
        """Remove a stream's source; False when there is none."""
        with self._changed:
            entry = self._entries.pop(stream, None)
            if entry is None:
                return False
            self._endless_gone = self._endless_gone or entry.endless
            self.untold.note(RemoveSource(entry.order))
            self._changed.notify_all()
            return True

    def judge(self, stream: str, policy: Policy | None) -> bool:
        """Give a stream another policy of its own, or None of its own, and read on; False when it has no source."""
        with self._changed:
            entry = self._entries.get(stream)
            if entry is None:
                return False
            entry.policy = policy
            self.untold.ring()
            return True

    def pause(self, stream: str) -> bool:
        """Stop reading a stream's source, and keep its place; False when there is none. Raises InvalidArgumentError when it has
        ended. Pausing twice is harmless."""
        with self._changed:
            entry = self._entries.get(stream)
            if entry is None or entry.paused:
                return entry is not None
            if entry.status.phase == "ended":
                raise InvalidArgumentError(f"stream {stream} has ended: there is nothing to pause")
            entry.pause()
            self.untold.note(RemoveSource(entry.order))
            self._changed.notify_all()
            status = entry.status
        self._say(status)
        return True

    def resume(self, stream: str) -> bool:
        """Read a paused source again; False when the stream has no source. Harmless for one that is not paused. Raises ClosedError
        once the pipeline ends."""
        with self._changed:
            entry = self._entries.get(stream)
            if entry is None or not entry.paused:
                return entry is not None
            self.check_open()
            entry.resume()
            self.untold.note(AddSource(entry.order))
            self._changed.notify_all()
            status = entry.status
        self._say(status)
        return True

    def note(self, news: SourceNews) -> None:
        """Note the state of a source as ingest reports it; ignore a source that was removed meanwhile."""
        with self._changed:
            entry = self._entries.get(news.stream)
            if entry is None:
                return
            turned, status = entry.note(news), entry.status
            self._changed.notify_all()
        if turned:
            self._say(status)

    def _say(self, status: StreamStatus) -> None:
        if self._on_change is not None:
            self._on_change(status)

    # ---- what may be added, and until when

    def _check_fits(self, gone: Collection[str], orders: Collection[SourceOrder]) -> None:
        self.check_open()
        stays = self._entries.keys() - set(gone)
        if len(stays) + len(orders) > MAX_SOURCES:
            raise InvalidArgumentError(
                f"more than {MAX_SOURCES} sources are too many for one ingest: start another one"
            )
        for order in orders:
            if order.stream in stays:
                self.check_free(order.stream)

    def check_open(self) -> None:
        """Raise ClosedError once the pipeline ends."""
        with self._changed:
            if self._closed:
                raise ClosedError("this pipeline is ending and reads nothing more: start another one")

    def check_free(self, stream: str) -> None:
        """Raise InvalidArgumentError when the stream has a source."""
        with self._changed:
            if (entry := self._entries.get(stream)) is not None:
                raise InvalidArgumentError(
                    f"stream {stream} has the source {without_secrets(entry.order.source)} already: "
                    "give this one another stream id, or remove that one first"
                )

    @property
    def stays(self) -> bool:
        """Whether the pipeline goes on although nothing is read: a source is paused, or one without end has gone by itself or by
        request, and not by a failure."""
        with self._changed:
            return self._endless_gone or any(entry.keeps_going for entry in self._entries.values())

    def try_close(self) -> bool:
        """Take no more sources, unless the pipeline has to go on, or there is one that ingest has not been told of."""
        with self._changed:
            self._closed = self._closed or not (self.stays or self.untold.wants_ingest)
            return self._closed

    def close(self) -> None:
        """Take no more sources, because the pipeline ends."""
        with self._changed:
            self._closed = True

    # ---- views

    def statuses(self) -> dict[str, StreamStatus]:
        with self._changed:
            return {stream: entry.status for stream, entry in self._entries.items()}

    def traits(self) -> list[SourceTraits]:
        """Return what workers have to know of each source."""
        with self._changed:
            return [entry.traits for entry in self._entries.values()]

    def policy(self, stream: str) -> Policy | None:
        """Return the stream's own policy; None when it has none."""
        with self._changed:
            entry = self._entries.get(stream)
            return entry.policy if entry is not None else None

    def order(self, stream: str) -> SourceOrder | None:
        """Return what is to be read into the stream; None when it has no source."""
        with self._changed:
            entry = self._entries.get(stream)
            return entry.order if entry is not None else None

    def wait_for(self, stream: str, done: Callable[[StreamStatus], bool], timeout_s: float) -> StreamStatus:
        """Wait until the status is `done` or the time is up, and return it. Raises SourceError once the source has been removed."""
        with self._changed:
            self._changed.wait_for(
                lambda: (entry := self._entries.get(stream)) is None or done(entry.status), timeout_s
            )
            if stream not in self._entries:
                raise SourceError(f"stream {stream} was removed")
            return self._entries[stream].status
