"""The frames that wait for a lane to look at them soon, by stream: the streams take turns, and old frames give way to new ones.

Frames wait here encoded, not decoded in the ring: pictures in a ring grow old in it. They wait only where a policy judges them by
their age or by what came after them; see `policies.Policy.waits`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from framehop.decode import DecodeJob, Passed
from framehop.policies import Policy, StreamPolicies
from framehop.protocols import Tenure
from framehop.types import FrameMeta, Partition

MOST_BYTES = 64 << 20  # encoded pictures that wait; from here on the log keeps the others
OVERHEAD = 1024  # bytes of what is known of a frame: a film of a still view has pictures far smaller than that
FRESH_US = 40_000  # a frame of `latest` that has waited for longer is late, and makes way for those that have just come
CHANCES = 2  # but not before so many others had their turns
HALF_LIFE = 64  # turns, of all streams, after which a turn counts half
FORGOTTEN = 2.0**-7  # turns that count less than that in sum are forgotten
OWED = math.log2(1.5)  # who had two thirds of another's turns, or less, keeps its late frame
CATCH_UP = 64  # frames of a turn that are decoded but not looked at; more would hold up the frames that are looked at

NOT_NEWEST = "not-newest"
TOO_OLD = "too-old"

Key = tuple[Partition, str]
InterCoded = Callable[[FrameMeta], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The work that is due now. `jobs`: to be decoded, those of a stream in its order, with the unwanted ones that they may need.
    `passed`: to be skipped as they are."""

    jobs: list[DecodeJob] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Line:
    """The frames of one stream that wait, in the order of the log. `latest`, `max_age_us`: its policy; 0 where ages do not count.
    `wanted`: how many of its frames are to be looked at. `received_us`, `polled_us`: when ingest, and this worker, had the first
    of them, if there is one. `turns`: how many turns streams had had when the newest came. `share`: see `_Shares`."""

    key: Key
    share: float
    latest: bool = False
    max_age_us: int = 0
    jobs: deque[DecodeJob] = field(default_factory=deque)
    wanted: int = 0
    received_us: int = 0
    polled_us: int = 0
    turns: int = 0

    def follow(self, policy: Policy) -> None:
        self.latest = policy.kind == "latest"
        self.max_age_us = int(policy.value * 1000) if policy.kind == "max_age_ms" else 0

    def put(self, job: DecodeJob, turns: int) -> None:
        self.jobs.append(job)
        if not job.unwanted:
            self.wanted += 1
            self.turns = turns
            if self.wanted == 1:
                self._begin_at(job)

    def refuse_all(self, reason: str) -> None:
        """Make every wanted frame an unwanted one."""
        for place in reversed(range(len(self.jobs))):
            if not self.wanted:
                return
            if not self.jobs[place].unwanted:
                self._refuse(place, reason)

    def refuse_before(self, received_us: int, reason: str) -> None:
        """Make the first wanted frames unwanted ones, up to one that ingest had at `received_us` or later."""
        for place, job in enumerate(self.jobs):
            if not job.unwanted:
                if job.record.meta.received_us >= received_us:
                    break
                self._refuse(place, reason)
        self._find_first()

    def take_wanted(self) -> list[DecodeJob]:
        """Take the first wanted frame and those before it; none if none is wanted."""
        taken: list[DecodeJob] = []
        while self.wanted:
            taken.append(self.jobs.popleft())
            if not taken[-1].unwanted:
                self.wanted -= 1
                break
        self._find_first()
        return taken

    def take_unwanted(self, count: int) -> list[DecodeJob]:
        """Take up to `count` frames if none is wanted."""
        return [] if self.wanted else [self.jobs.popleft() for _ in range(min(count, len(self.jobs)))]

    def _refuse(self, place: int, reason: str) -> None:
        self.jobs[place] = replace(self.jobs[place], unwanted=reason)
        self.wanted -= 1

    def _find_first(self) -> None:
        if self.wanted:
            self._begin_at(next(job for job in self.jobs if not job.unwanted))

    def _begin_at(self, first: DecodeJob) -> None:
        self.received_us, self.polled_us = first.record.meta.received_us, first.polled_us


class WaitingRoom:
    """Holds frames until it is their turn. Used by one thread. Its caller stops putting frames in while `is_full`."""

    def __init__(self, policies: StreamPolicies, inter_coded: InterCoded) -> None:
        """`inter_coded`: whether a frame's picture may need those before it."""
        self._policies, self._inter_coded = policies, inter_coded
        self._lines: dict[Key, _Line] = {}
        self._shares = _Shares()
        self._bytes = 0

    @property
    def is_empty(self) -> bool:
        return not self._lines

    @property
    def is_full(self) -> bool:
        return self._bytes >= MOST_BYTES

    def holds(self, partitions: Collection[Partition]) -> bool:
        """Return whether a frame of these partitions waits."""
        return any(partition in partitions for partition, _ in self._lines)

    def put(self, job: DecodeJob) -> list[Passed]:
        """Let a frame wait; return those that are skipped for it. The frames of a stream come in the order of the log."""
        key = _key(job)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(key, self._shares.enter(key))
        line.follow(self._policies.of(key[1]))
        if line.latest and not job.unwanted:
            line.refuse_all(NOT_NEWEST)
        line.put(job, self._shares.turns)
        self._bytes += _size(job)
        return self._passed(line)

    def turn(
        self, pictures: int, now_us: int, only: Collection[Partition] | None = None, *, crowded: bool = True
    ) -> Turn:
        """Take out what is to be done now. `pictures`: how many frames may be looked at soon. Streams that had the fewest turns of
        late come first, and of them those with the oldest frames. `now_us`: the worker's wall clock. `only`: of these
        partitions, None for all. `crowded`: whether no lane is left for others, so that late frames make way."""
        turn = Turn(passed=self._expire(now_us))
        waiting = [line for line in self._lines.values() if line.wanted and (only is None or line.key[0] in only)]
        late = set[_Line]()
        for _ in range(pictures):
            if not waiting:
                break
            late = self._late(waiting, now_us)
            line = self._next([line for line in waiting if line not in late] if late else waiting)
            turn.jobs.extend(line.take_wanted())
            if not line.wanted:
                waiting.remove(line)
        for line in late if crowded else ():
            line.refuse_all(TOO_OLD)
            turn.passed.extend(self._passed(line))
        self._catch_up(turn, only)
        self._leave(turn)
        return turn

    def begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        """Begin the tenures of partitions that came, or came back. Forget their frames, as they are read anew."""
        self.forget(tenures)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Forget the frames of partitions that are given up: they are their next owner's. Turns that their streams had while they
        were handed over count no more, as nobody else had any then."""
        for key in [key for key in self._lines if key[0] in partitions]:
            self._bytes -= sum(_size(job) for job in self._lines.pop(key).jobs)
        self._shares.forget(partitions)

    def _next(self, lines: Collection[_Line]) -> _Line:
        """Give one of the streams its turn. Every turn looks through all of them, so what it looks at is kept at hand."""
        line = min(lines, key=attrgetter("share", "received_us"))
        line.share = self._shares.add_turn(line.key)
        return line

    def _late(self, lines: Collection[_Line], now_us: int) -> set[_Line]:
        """Return the streams whose frame makes way for those that have just come: it would be late, and while it waits, it holds
        back the events of frames behind it in the log. A stream that had much less than one of those keeps its frame."""
        turns, polled_us = self._shares.turns - CHANCES, now_us - FRESH_US
        late = {line for line in lines if line.latest and line.turns <= turns and line.polled_us < polled_us}
        if not late or len(late) == len(lines):
            return set()
        owed = max(line.share for line in lines if line not in late) - OWED
        return {line for line in late if line.share > owed}

    def _expire(self, now_us: int) -> list[Passed]:
        passed: list[Passed] = []
        for line in self._lines.values():
            if line.wanted and line.max_age_us and line.received_us < now_us - line.max_age_us:
                line.refuse_before(now_us - line.max_age_us, TOO_OLD)
                passed += self._passed(line)
        return passed

    def _passed(self, line: _Line) -> list[Passed]:
        """Take out the unwanted frames at the beginning of a line that no other frame needs."""
        passed: list[Passed] = []
        while line.jobs and line.jobs[0].unwanted and not self._inter_coded(line.jobs[0].record.meta):
            job = line.jobs.popleft()
            self._bytes -= _size(job)
            passed.append(Passed(job=job, reason=job.unwanted))
        return passed

    def _catch_up(self, turn: Turn, only: Collection[Partition] | None) -> None:
        """Add frames of streams that want none to be looked at: decoders have to follow them all the same."""
        room = CATCH_UP
        for line in [line for line in self._lines.values() if not line.wanted]:
            if only is None or line.key[0] in only:
                unwanted = line.take_unwanted(room)
                room -= len(unwanted)
                turn.jobs.extend(unwanted)

    def _leave(self, turn: Turn) -> None:
        self._bytes -= sum(_size(job) for job in turn.jobs)
        for key in [key for key, line in self._lines.items() if not line.jobs]:
            del self._lines[key]


class _Shares:
    """Numbers that order streams by the turns that they had of late: a turn counts half after HALF_LIFE more, whoever has those. So
    a stream that was not there is owed little, and one whose frames always come at a bad moment soon comes first.

    A number is the logarithm of a sum in which old turns count 1 and new ones count more, so it stays while others have turns."""

    def __init__(self) -> None:
        self._numbers: dict[Key, float] = {}
        self.turns = 0  # of all streams

    def enter(self, key: Key) -> float:
        """Look up a stream's number. One that is not known, or was forgotten, begins as the one that had the least."""
        if key not in self._numbers:
            self._numbers[key] = min(self._numbers.values(), default=-math.inf)
        return self._numbers[key]

    def add_turn(self, key: Key) -> float:
        """Count a turn of a stream that has entered; return its number from now on."""
        self.turns += 1
        now = self.turns / HALF_LIFE
        number = now + math.log2(2 ** (self._numbers.get(key, -math.inf) - now) + 1)
        self._numbers[key] = number
        if self.turns % HALF_LIFE == 0:
            least = now + math.log2(FORGOTTEN)
            self._numbers = {key: number for key, number in self._numbers.items() if number > least}
        return number

    def forget(self, partitions: Collection[Partition]) -> None:
        self._numbers = {key: number for key, number in self._numbers.items() if key[0] not in partitions}


def _size(job: DecodeJob) -> int:
    return len(job.payload) + OVERHEAD


def _key(job: DecodeJob) -> Key:
    meta = job.record.meta
    return meta.pointer.topic_partition, meta.key.stream
