"""One source on the roster: its order, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass

from framehop.pipeline.processes.source_messages import SourceNews, SourceOrder, SourceTraits
from framehop.pipeline.streams.stream_status import StreamStatus, paused, reported, waiting
from framehop.policies import Policy
from framehop.timing import now_us


@dataclass(slots=True)
class Entry:
    """A source and its state. `endless`: the pipeline goes on for it. Whoever uses it holds the roster's lock."""

    order: SourceOrder
    status: StreamStatus
    policy: Policy | None = None
    endless: bool = False
    paused: bool = False

    @classmethod
    def of(cls, order: SourceOrder, policy: Policy | None) -> Entry:
        return cls(order, waiting(order), policy)

    @property
    def keeps_going(self) -> bool:
        """Whether the pipeline has to go on, though nothing may be read of this source at the moment."""
        return self.paused or (self.endless and self.status.phase != "failed")

    @property
    def traits(self) -> SourceTraits:
        return SourceTraits(self.order.stream, self.order.live, self.policy, self.order.track)

    def pause(self) -> None:
        self.paused = True
        self.status = paused(self.status, now_us())

    def resume(self) -> None:
        self.paused = False
        self.status = waiting(self.order)

    def note(self, news: SourceNews) -> bool:
        """Note what ingest says of it, unless that is about an earlier order; return whether the phase is another one now."""
        if news.since_us != self.order.since_us:
            return False
        before, status = self.status, reported(self.order, news)
        if status.phase == "ended":
            self.paused = False
        elif self.paused:
            status = paused(status, before.health.phase_since_us)
        self.status = status
        return before.phase != status.phase
