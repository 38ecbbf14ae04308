"""The proof that nothing vanished: computed from the rows of the log, from no counter of the pipeline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from framehop.protocols import FrameLog
from framehop.types import Event, FrameKey, Gap

MAX_FINDINGS = 20

_Pass = tuple[str, int]  # stream, epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAudit:
    """One stream's share of the report."""

    frames: int
    events: int
    missing: int
    duplicates: int
    out_of_order: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What the log holds, and what is wrong with it.

    `missing`: frames without an event, and seqs that are neither in the log nor in a gap. `duplicates`: second events of one id
    and second frames of one key. `out_of_order`: events whose seq is not above all before it in its (stream, epoch).
    `unknown`: events of frames that the log never had. `findings`: the first of each by name. While a pipeline is at work its
    frames in flight are missing.
    """

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

    @property
    def ok(self) -> bool:
        return self.missing == self.duplicates == self.out_of_order == self.unknown == 0


def audit(log: FrameLog, *, lane: str = "main") -> AuditReport:
    """Check every frame and every event of `lane` that the log holds now. Memory grows with the number of frames.

    The events are read before the frames, and the gaps last: on a log at work an event's frame is always found, be it in the
    log or in a gap.
    """
    ledger = _Ledger()
    with log.events() as reader:
        for record in reader:
            if record.event.lane == lane:
                ledger.event(record.event)
    for meta in log.scan_frames():
        ledger.frame(meta.key)
    return ledger.report(log.gaps())


@dataclass(slots=True)
class _Seqs:
    """What was seen of one (stream, epoch)."""

    frames: set[int] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    last_event: int = -1


class _Ledger:
    def __init__(self) -> None:
        self._passes: defaultdict[_Pass, _Seqs] = defaultdict(_Seqs)
        self._outcomes: Counter[str] = Counter()
        self._findings: list[str] = []
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("frames", "events", "missing", "duplicates", "out_of_order", "unknown")
        }

    def event(self, event: Event) -> None:
        seen = self._passes[event.stream, event.epoch]
        self._counts["events"][event.stream] += 1
        if event.seq in seen.events:
            self._find("duplicates", event.key, "a second event")
            return
        self._outcomes[event.outcome] += 1
        if event.seq < seen.last_event:
            self._find("out_of_order", event.key, f"its event comes after that of seq {seen.last_event}")
        seen.events.add(event.seq)
        seen.last_event = max(seen.last_event, event.seq)

    def frame(self, key: FrameKey) -> None:
        seen = self._passes[key.stream, key.epoch]
        self._counts["frames"][key.stream] += 1
        if key.seq in seen.frames:
            self._find("duplicates", key, "a second frame of this key")
        seen.frames.add(key.seq)

    def report(self, gaps: Sequence[Gap]) -> AuditReport:
        by_pass = _by_pass(gaps)
        for key in sorted(self._passes.keys() | by_pass.keys()):
            self._check(key, self._passes[key], by_pass.get(key, []))
        names = sorted({stream for stream, _ in self._passes})
        return AuditReport(
            frames=self._counts["frames"].total(),
            events=self._counts["events"].total(),
            outcomes=dict(self._outcomes),
            missing=self._counts["missing"].total(),
            duplicates=self._counts["duplicates"].total(),
            out_of_order=self._counts["out_of_order"].total(),
            unknown=self._counts["unknown"].total(),
            gaps=list(gaps),
            streams={name: self._stream(name) for name in names},
            findings=self._findings,
        )

    def _stream(self, name: str) -> StreamAudit:
        return StreamAudit(**{what: counts[name] for what, counts in self._counts.items()})

    def _check(self, key: _Pass, seen: _Seqs, gaps: Sequence[Gap]) -> None:
        stream, epoch = key
        for seq in sorted(seen.frames - seen.events):
            if not _covered(seq, gaps):  # retention may have taken it since it was read
                self._find("missing", FrameKey(stream, epoch, seq), "no event")
        for seq in _holes(seen.frames | seen.events, gaps):
            self._find("missing", FrameKey(stream, epoch, seq), "no frame and no gap")
        for seq in sorted(seen.events - seen.frames):
            if not _covered(seq, gaps):
                self._find("unknown", FrameKey(stream, epoch, seq), "an event of a frame that the log never had")

    def _find(self, what: str, key: FrameKey, why: str) -> None:
        self._counts[what][key.stream] += 1
        if self._counts[what].total() <= MAX_FINDINGS:
            self._findings.append(f"{what.replace('_', ' ')}: {key}, {why}")


def _by_pass(gaps: Iterable[Gap]) -> dict[_Pass, list[Gap]]:
    found: defaultdict[_Pass, list[Gap]] = defaultdict(list)
    for gap in gaps:
        if gap.stream:
            found[gap.stream, gap.epoch].append(gap)
    return dict(found)


def _covered(seq: int, gaps: Iterable[Gap]) -> bool:
    return any(gap.first_seq <= seq <= gap.last_seq for gap in gaps)


def _holes(present: set[int], gaps: Sequence[Gap]) -> Iterator[int]:
    """Seqs below the highest one known that are neither present nor in a gap: a hole is walked seq by seq, a gap never is."""
    expected = 0
    ranges = [(seq, seq) for seq in present] + [(gap.first_seq, gap.last_seq) for gap in gaps]
    for first, last in sorted(ranges):
        yield from range(expected, first)
        expected = max(expected, last + 1)
