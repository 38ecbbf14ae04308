"""The proof that nothing vanished: computed from the rows of the log, from no counter of the pipeline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from framehop.protocols import Delivery, EventReader
from framehop.types import Event, FrameKey, FrameMeta, FramePointer, Gap, Partition

MAX_FINDINGS = 20

_Pass = tuple[str, int]  # stream, epoch
_Place = tuple[Partition, int]  # and the offset there


class Auditable(Protocol):
    """What the audit asks of a log; every FrameLog has it."""

    @property
    def delivery(self) -> Delivery: ...
    def events(self) -> EventReader: ...
    def scan_frames(self) -> Iterator[FrameMeta]: ...
    def gaps(self) -> list[Gap]: ...


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
    and second frames of one key; wrong unless `delivery` is `at-least-once`. `out_of_order`: events whose seq is not above all
    before it in its (stream, epoch), in `at-least-once` of the same writer. `unknown`: events of frames that the log never had.
    `findings`: the first of each that is wrong by name. While a pipeline is at work its frames in flight are missing.
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

    @property
    def ok(self) -> bool:
        doubled = self.duplicates if self.delivery == "exactly-once" else 0
        return self.missing == doubled == self.out_of_order == self.unknown == 0


def audit(log: Auditable, *, lane: str = "main", delivery: Delivery | None = None) -> AuditReport:
    """Check every frame and every event of `lane` that the log holds now. Memory grows with the number of frames.

    `delivery`: what to hold the log to, if it is not what it was opened with.

    The events are read before the frames, and the gaps last: on a log at work an event's frame is always found, be it in the
    log or in a gap.
    """
    ledger = _Ledger(delivery or log.delivery)
    with log.events() as reader:
        for record in reader:
            if record.event.lane == lane:
                ledger.event(record.event)
    for meta in log.scan_frames():
        ledger.frame(meta.key, meta.pointer)
    return ledger.report(log.gaps())


@dataclass(slots=True)
class _Seqs:
    """What was seen of one (stream, epoch), and where it lies. `last_event`: by writer where order is the writer's own."""

    frames: dict[int, _Place] = field(default_factory=dict)
    events: dict[int, _Place] = field(default_factory=dict)
    last_event: dict[str, int] = field(default_factory=dict)


class _Ledger:
    def __init__(self, delivery: Delivery) -> None:
        self._delivery: Delivery = delivery
        self._once = delivery == "exactly-once"
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
            self._find("duplicates", event.key, "a second event", wrong=self._once)
            return
        self._outcomes[event.outcome] += 1
        writer = "" if self._once else event.writer
        last = seen.last_event.get(writer, -1)
        if event.seq < last:
            self._find("out_of_order", event.key, f"its event comes after that of seq {last}")
        seen.events[event.seq] = _place(event.frame)
        seen.last_event[writer] = max(last, event.seq)

    def frame(self, key: FrameKey, pointer: FramePointer) -> None:
        seen = self._passes[key.stream, key.epoch]
        self._counts["frames"][key.stream] += 1
        if key.seq in seen.frames:
            self._find("duplicates", key, "a second frame of this key", wrong=self._once)
            return
        seen.frames[key.seq] = _place(pointer)

    def report(self, gaps: Sequence[Gap]) -> AuditReport:
        by_pass, removed = _by_pass(gaps), _Removed(gaps)
        for key in sorted(self._passes.keys() | by_pass.keys()):
            self._check(key, self._passes[key], by_pass.get(key, []), removed)
        names = sorted({stream for stream, _ in self._passes})
        return AuditReport(
            delivery=self._delivery,
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

    def _check(self, key: _Pass, seen: _Seqs, gaps: Sequence[Gap], removed: _Removed) -> None:
        stream, epoch = key
        for seq in sorted(seen.frames.keys() - seen.events.keys()):
            # Retention may have taken it since it was read.
            if not (_covered(seq, gaps) or removed.holds(seen.frames[seq])):
                self._find("missing", FrameKey(stream, epoch, seq), "no event")
        begin = removed.begin_of(seen)
        for seq in _holes(seen.frames.keys() | seen.events.keys(), gaps, begin):
            self._find("missing", FrameKey(stream, epoch, seq), "no frame and no gap")
        for seq in sorted(seen.events.keys() - seen.frames.keys()):
            if not (_covered(seq, gaps) or removed.holds(seen.events[seq])):
                self._find("unknown", FrameKey(stream, epoch, seq), "an event of a frame that the log never had")

    def _find(self, what: str, key: FrameKey, why: str, *, wrong: bool = True) -> None:
        self._counts[what][key.stream] += 1
        if wrong and self._counts[what].total() <= MAX_FINDINGS:
            self._findings.append(f"{what.replace('_', ' ')}: {key}, {why}")


class _Removed:
    """Gaps that know offsets and no stream, as a partition has them of which the oldest records were removed."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        self._ranges: defaultdict[Partition, list[tuple[int, int]]] = defaultdict(list)
        for gap in gaps:
            if not gap.stream:
                self._ranges[gap.place].append((gap.first_offset, gap.last_offset))

    def holds(self, place: _Place) -> bool:
        partition, offset = place
        return any(first <= offset <= last for first, last in self._ranges.get(partition, ()))

    def begin_of(self, seen: _Seqs) -> int:
        """The seq from which on an epoch has to be whole: what lies below its first frame may have been in a gap before that one,
        and of an epoch without frames what lies below its last event whose frame was removed."""
        if not self._ranges:
            return 0
        if seen.frames:
            first = min(seen.frames)
            partition, offset = seen.frames[first]
            before = any(begin < offset for begin, _ in self._ranges.get(partition, ()))
            return first if before else 0
        return max((seq for seq, place in seen.events.items() if self.holds(place)), default=0)


def _place(pointer: FramePointer) -> _Place:
    return pointer.place, pointer.offset


def _by_pass(gaps: Iterable[Gap]) -> dict[_Pass, list[Gap]]:
    found: defaultdict[_Pass, list[Gap]] = defaultdict(list)
    for gap in gaps:
        if gap.stream:
            found[gap.stream, gap.epoch].append(gap)
    return dict(found)


def _covered(seq: int, gaps: Iterable[Gap]) -> bool:
    return any(gap.first_seq <= seq <= gap.last_seq for gap in gaps)


def _holes(present: Iterable[int], gaps: Sequence[Gap], begin: int = 0) -> Iterator[int]:
    """Seqs from `begin` to the highest one known that are neither present nor in a gap: a hole is walked seq by seq, a gap never
    is."""
    expected = begin
    ranges = [(seq, seq) for seq in present] + [(gap.first_seq, gap.last_seq) for gap in gaps]
    for first, last in sorted(ranges):
        yield from range(expected, first)
        expected = max(expected, last + 1)
