"""The state of one stream, as whoever asks sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from msgspec import structs

from framehop.pipeline.processes.source_messages import Phase, SourceHealth, SourceNews, SourceOrder
from framehop.sources import hide_credentials, without_secrets
from framehop.sources.identity import shown
from framehop.timing import now_us


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


def waiting(order: SourceOrder) -> StreamStatus:
    """Return the state of a source that ingest has said nothing of yet."""
    return reported(
        order, SourceNews(order.stream, order.since_us, "waiting", health=SourceHealth(phase_since_us=now_us()))
    )


def reported(order: SourceOrder, news: SourceNews) -> StreamStatus:
    """Return what ingest says of a source, and no password with it."""
    health = structs.replace(news.health, last_error=hide_credentials(news.health.last_error, order.source))
    return StreamStatus(
        stream=order.stream,
        source=shown(without_secrets(order.source)),
        phase=news.phase,
        appended=news.appended,
        acked=news.acked,
        error=hide_credentials(news.error, order.source),
        health=health,
        labels=order.labels,
    )


def paused(status: StreamStatus, since_us: int) -> StreamStatus:
    """Return this status as that of a source that is not read since then."""
    health = structs.replace(status.health, phase_since_us=since_us, fps=0.0, next_try_us=0)
    return replace(status, phase="paused", error="", health=health)
