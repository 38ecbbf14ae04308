"""Prove that nothing vanished, from the log's contents alone and no counter of the pipeline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from framehop.account import IngestAccount
from framehop.errors import LogAccessError
from framehop.log import open_log
from framehop.ops.findings import MAX_FINDINGS
from framehop.ops.ledger import Ledger
from framehop.protocols import Delivery, EventReader, OtherCallback, ProgressCallback
from framehop.types import FrameMeta, Gap, LostPicture, Partition

__all__ = ["MAX_FINDINGS", "AuditReport", "Auditable", "StreamAudit", "audit"]

logger = logging.getLogger(__name__)

REPORT_EVERY = 512

_T = TypeVar("_T")
AuditProgress = Callable[[str, int, int | None], None]
"""A call with the part being read (`events`, `frames`, `pictures`), how much of it is done, and of how much, if that is known."""


class Auditable(Protocol):
    """The part of a log that the audit uses; every FrameLog has it."""

    @property
    def delivery(self) -> Delivery: ...
    def end_offsets(self) -> Mapping[Partition, int]: ...
    def committed(self, group: str) -> Mapping[Partition, int]: ...
    def events(self) -> EventReader: ...
    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]: ...
    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]: ...
    def gaps(self) -> list[Gap]: ...
    def known_streams(self) -> Mapping[str, Partition]: ...
    def lost_events(self) -> int: ...
    def ingest_accounts(self) -> list[IngestAccount]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAudit:
    """One stream's share of the report."""

    frames: int
    events: int
    missing: int
    duplicates: int
    out_of_order: int
    unknown: int
    lost: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The audit's result: what the log holds, and what is wrong with it.

    `missing`: frames without an event, seqs and offsets that are neither in the log nor in a gap, and events that are gone; if the
    stream is unknown they count only in the total. `duplicates`: second events of one id and second frames of one key; wrong unless
    `delivery` is `at-least-once`. `out_of_order`: events whose seq is not above all earlier ones in their (stream, epoch), for
    `at-least-once` among those of the same writer. `unknown`: events of frames that the log never had. `lost`: frames whose picture
    is gone or damaged, looked for unless `rows_only`. `sources`: ingest's accounts of its sources, including what never reached the
    log; shown for information, no part of the proof. `findings`: names the first of each kind that is wrong. `passed_over`: how
    many records cannot be read as events, of any lane: a later version or another program wrote them, or they are damaged. The
    frames of such events count as missing. `waiting`: how many of `missing` the lane's workers have not done yet, as while a
    pipeline is at work, or after it was stopped.
    """

    delivery: Delivery
    frames: int
    events: int
    outcomes: dict[str, int]
    missing: int
    duplicates: int
    out_of_order: int
    unknown: int
    gaps: list[Gap]
    streams: dict[str, StreamAudit]
    findings: list[str]
    lost: int = 0
    rows_only: bool = False
    sources: list[IngestAccount] = field(default_factory=list)
    passed_over: int = 0
    waiting: int = 0

    @property
    def ok(self) -> bool:
        return self.missing == 0 and self._nothing_wrong

    @property
    def only_waits(self) -> bool:
        """Whether nothing is wrong but that frames wait for their event."""
        return self.missing == self.waiting > 0 and self._nothing_wrong

    @property
    def _nothing_wrong(self) -> bool:
        doubled = self.duplicates if self.delivery == "exactly-once" else 0
        return doubled == self.out_of_order == self.unknown == self.lost == 0


def audit(
    log: Auditable | str | Path,
    *,
    lane: str = "main",
    delivery: Delivery | None = None,
    rows_only: bool = False,
    on_progress: AuditProgress | None = None,
) -> AuditReport:
    """Check every frame with its picture, and every event of `lane`, that the log holds now. Memory: eight bytes for each.

    `log`: one that is open, as of `open_log`, or where one lies: its directory or `kafka://HOST:PORT`. `delivery`: the promise to
    check, if not the one that the log was opened with. `rows_only`: do not read the pictures of a log in a directory, which is
    quick and finds no damaged file.

    The end of each partition and the commits of the lane's workers are read first, then events, frames and pictures, and the gaps
    last. So even on a log at work an event's frame is always found, in the log or in a gap.
    """
    if isinstance(log, str | Path):
        with open_log(log, create=False) as opened:
            return audit(opened, lane=lane, delivery=delivery, rows_only=rows_only, on_progress=on_progress)
    tell = on_progress or _quiet
    promised, ends = delivery or log.delivery, log.end_offsets()
    group = f"detect-{lane}"
    ledger = Ledger(promised, ends, group=group, committed=_committed(log, group))
    with log.events() as reader:
        for record in _told(reader, "events", None, tell):
            if record.event.lane == lane:
                ledger.event(record.event)
        passed_over = reader.passed_over
    for meta in _told(log.scan_frames(ledger.offsets.see_other), "frames", None, tell):
        ledger.frame(meta.key, meta.pointer)
    if not rows_only:
        for picture in log.lost_pictures(lambda done, total: tell("pictures", done, total)):
            ledger.lost(picture)
    known, lost_events, gaps = log.known_streams(), log.lost_events(), log.gaps()
    ledger.close(gaps, known, lost_events)
    report = _report(ledger, promised, gaps, log.ingest_accounts(), rows_only=rows_only)
    return replace(report, passed_over=passed_over)


def _committed(log: Auditable, group: str) -> Mapping[Partition, int] | None:
    """Return the group's commits, or None without the right to look at groups; they only make a finding more precise."""
    try:
        return log.committed(group)
    except LogAccessError as error:
        logger.info("what group %s has committed is not known: %s", group, error)
        return None


def _report(
    ledger: Ledger, delivery: Delivery, gaps: list[Gap], sources: list[IngestAccount], *, rows_only: bool
) -> AuditReport:
    counts = ledger.findings.counts
    return AuditReport(
        delivery=delivery,
        outcomes=dict(ledger.outcomes),
        gaps=gaps,
        streams={name: StreamAudit(**{kind: found[name] for kind, found in counts.items()}) for name in ledger.streams},
        findings=ledger.findings.told,
        rows_only=rows_only,
        sources=sources,
        **{kind: found.total() for kind, found in counts.items()},
    )


def _told(items: Iterable[_T], what: str, total: int | None, tell: AuditProgress) -> Iterator[_T]:
    done = 0
    for item in items:
        yield item
        done += 1
        if done % REPORT_EVERY == 0:
            tell(what, done, total)
    tell(what, done, total)


def _quiet(_what: str, _done: int, _total: int | None) -> None:
    """Ignore progress that nobody asked for."""
