"""The audit's books: events against frames, seqs against gaps, offsets against records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from framehop.ops.audit_offsets import Offsets, Sheet, Shortage
from framehop.ops.findings import Findings
from framehop.ops.ranges import Range, holds, merged, size, told, without
from framehop.ops.seqs import Seqs
from framehop.protocols import Delivery
from framehop.types import Event, FrameKey, FramePointer, Gap, LostPicture, Partition, Place

KINDS = ("frames", "events", "missing", "waiting", "duplicates", "out_of_order", "unknown", "lost")

Pass = tuple[str, int]  # stream, epoch


@dataclass(slots=True)
class _Seen:
    """The frames and events seen of one pass. `last_event`: by writer if order holds only within a writer."""

    frames: Seqs = field(default_factory=Seqs)
    events: Seqs = field(default_factory=Seqs)
    last_event: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """The gaps of one epoch. `gone`: what retention removed; its events may be gone too. `never`: what did not come into the log;
    of a frame that came all the same, everything is expected."""

    gone: list[Range]
    never: list[Range]


class Ledger:
    """The books. Fill them with `event`, `frame` and `lost`, then call `close` once; `findings` and `outcomes` are the result."""

    def __init__(
        self,
        delivery: Delivery,
        ends: Mapping[Partition, int],
        *,
        group: str = "",
        committed: Mapping[Partition, int] | None = None,
    ) -> None:
        """Open the books. `committed`: how far `group` has committed, read before the events; None if that is not known."""
        self._group, self._committed = group, committed
        self._once = delivery == "exactly-once"
        self._passes: defaultdict[Pass, _Seen] = defaultdict(_Seen)
        self.offsets = Offsets(ends)
        self.outcomes: Counter[str] = Counter()
        self.findings = Findings(*KINDS)

    @property
    def streams(self) -> list[str]:
        counted = {name for counts in self.findings.counts.values() for name in counts if name}
        return sorted({stream for stream, _ in self._passes} | counted)

    def event(self, event: Event) -> None:
        seen = self._passes[event.stream, event.epoch]
        self.findings.counts["events"][event.stream] += 1
        if not seen.events.add(event.seq, _place(event.frame)):
            self.findings.of("duplicates", event.key, "a second event", wrong=self._once)
            return
        self.outcomes[event.outcome] += 1
        writer = "" if self._once else event.writer
        last = seen.last_event.get(writer, -1)
        if event.seq < last:
            self.findings.of("out_of_order", event.key, f"its event comes after that of seq {last}")
        seen.last_event[writer] = max(last, event.seq)

    def frame(self, key: FrameKey, pointer: FramePointer) -> None:
        self.findings.counts["frames"][key.stream] += 1
        self.offsets.see(pointer)
        if not self._passes[key.stream, key.epoch].frames.add(key.seq, _place(pointer)):
            self.findings.of("duplicates", key, "a second frame of this key", wrong=self._once)

    def lost(self, picture: LostPicture) -> None:
        self.findings.of("lost", picture.key, picture.reason)

    def close(self, gaps: Sequence[Gap], known: Mapping[str, Partition], lost_events: int) -> None:
        """Compare everything. `known`: streams that the log remembers, with their partition. `lost_events`: events that it can only
        count."""
        taken, never = [gap for gap in gaps if _had_offsets(gap)], [gap for gap in gaps if not _had_offsets(gap)]
        by_pass, never_came, removed = _by_pass(taken), _by_pass(never), Removed(gaps)
        sheet = self.offsets.sheet(gaps, self._in_both(by_pass))
        for key in sorted(self._passes.keys() | by_pass.keys() | never_came.keys()):
            missing = _Missing(gone=by_pass.get(key, []), never=never_came.get(key, []))
            self._check(key, self._passes[key], missing, removed, sheet)
        told_of = {stream for stream, _ in by_pass} | {
            name for name, count in self.findings.counts["frames"].items() if count
        }
        for shortage in sheet.shortages():
            self._short_of(shortage, known, told_of)
        # Events reported by their frames are not reported again; a frame that waits has none to lose.
        named = self.findings.total("missing") - self.findings.total("waiting")
        if (unnamed := lost_events - named) > 0:
            text = f"{unnamed} events that were written are gone, and retention did not take them"
            self.findings.of_many("missing", "", unnamed, text)

    def _in_both(self, gaps: Mapping[Pass, list[Range]]) -> Counter[Partition]:
        """Count frames that were seen and then removed by retention before the gaps were read."""
        both: Counter[Partition] = Counter()
        for key, gone in gaps.items():
            frames = self._passes[key].frames
            if frames:
                there = frames.ranges()
                both[frames.place(frames.first).partition] += size(there) - size(without(there, gone))
        return both

    def _waits(self, place: Place) -> bool:
        """Return whether the group still has this frame before it."""
        return self._committed is not None and place.offset >= self._committed.get(place.partition, 0)

    def _check_events(self, key: Pass, seen: _Seen, gone: Sequence[Range], removed: Removed) -> None:
        """Report frames without an event. Those that wait for the group are one finding, so that they do not hide others."""
        waiting: list[Range] = []
        for seq in _each(without(without(seen.frames.ranges(), seen.events.ranges()), gone)):
            place = seen.frames.place(seq)
            if removed.holds(place):  # retention has removed the frame since it was read
                continue
            if not self._waits(place):
                self.findings.of("missing", FrameKey(*key, seq), self._without_event())
            elif waiting and waiting[-1][1] + 1 == seq:
                waiting[-1] = (waiting[-1][0], seq)
            else:
                waiting.append((seq, seq))
        if waiting:
            self.findings.of_waiting(*key, waiting)

    def _without_event(self) -> str:
        if self._committed is None:
            return "no event"
        return f"committed without an event: does another application use group {self._group}, or were events deleted?"

    def _check(self, key: Pass, seen: _Seen, missing: _Missing, removed: Removed, sheet: Sheet) -> None:
        gone, frames, events = missing.gone, seen.frames.ranges(), seen.events.ranges()
        self._check_events(key, seen, gone, removed)
        present = merged([*frames, *events, *gone, *missing.never])
        for first, last in _holes(present, removed.begin_of(seen.frames, seen.events)):
            self.findings.of_run("missing", FrameKey(*key, first), last, "no frame and no gap")
            sheet.cross_off_between(*seen.frames.neighbours(first), last - first + 1)
        for seq in _each(without(without(events, frames), gone)):
            if not removed.holds(seen.events.place(seq)):
                self.findings.of("unknown", FrameKey(*key, seq), "an event of a frame that the log never had")
                sheet.cross_off(seen.events.place(seq))

    def _short_of(self, shortage: Shortage, known: Mapping[str, Partition], told_of: set[str]) -> None:
        """Report a partition that was given more frames than there are. The streams at fault are guessed: first those with nothing
        left."""
        here = sorted(stream for stream, home in known.items() if home == shortage.partition)
        suspects = [stream for stream in here if stream not in told_of] or here
        stream = suspects[0] if len(suspects) == 1 else ""
        text = f"{shortage.partition}, {_where(shortage)}{_of_streams(suspects)}: no frame and no gap"
        self.findings.of_many("missing", stream, shortage.frames, text)


class Removed:
    """Gaps with offsets and no stream, as in a partition whose oldest records were removed."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        found: defaultdict[Partition, list[Range]] = defaultdict(list)
        for gap in gaps:
            if not gap.stream:
                found[gap.topic_partition].append((gap.first_offset, gap.last_offset))
        self._ranges = {partition: merged(ranges) for partition, ranges in found.items()}

    def holds(self, place: Place) -> bool:
        partition, offset = place
        return holds(self._ranges.get(partition, []), offset)

    def begin_of(self, frames: Seqs, events: Seqs) -> int:
        """Return the seq from which an epoch must be complete. Seqs below its first frame may have been in a gap before that frame;
        in an epoch without frames, so may those below its last event whose frame was removed."""
        if not self._ranges:
            return 0
        if frames:
            partition, offset = frames.place(frames.first)
            before = any(begin < offset for begin, _ in self._ranges.get(partition, []))
            return frames.first if before else 0
        return max((seq for seq in _each(events.ranges()) if self.holds(events.place(seq))), default=0)


def _place(pointer: FramePointer) -> Place:
    return Place(pointer.topic_partition, pointer.offset)


def _by_pass(gaps: Iterable[Gap]) -> dict[Pass, list[Range]]:
    found: defaultdict[Pass, list[Range]] = defaultdict(list)
    for gap in gaps:
        if gap.stream:
            found[gap.stream, gap.epoch].append((gap.first_seq, gap.last_seq))
    return {key: merged(ranges) for key, ranges in found.items()}


def _had_offsets(gap: Gap) -> bool:
    return gap.first_offset <= gap.last_offset


def _each(ranges: Iterable[Range]) -> Iterable[int]:
    return (seq for first, last in ranges for seq in range(first, last + 1))


def _holes(present: Sequence[Range], begin: int) -> Iterable[Range]:
    """Return the holes between `begin` and the highest known seq."""
    return without([(begin, present[-1][1])], present) if present and begin <= present[-1][1] else []


def _where(shortage: Shortage) -> str:
    ranges = ", ".join(told(*found) for found in shortage.ranges[:5]) + (", …" if len(shortage.ranges) > 5 else "")
    known = f"offset{'s' if size(shortage.ranges) > 1 else ''} {ranges}" if ranges else ""
    hidden = f"{shortage.hidden} among the offsets of its gaps" if shortage.hidden else ""
    return " and ".join(filter(None, (known, hidden)))


def _of_streams(names: Sequence[str]) -> str:
    match names:
        case []:
            return ""
        case [name]:
            return f" of stream {name}"
    return f" of one of the streams {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
