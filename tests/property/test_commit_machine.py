"""The commit rule over the real embedded log, driven by hypothesis.

The model of a worker is ours and tiny: an event may leave when all earlier frames of its stream are done, a partition's mark
stands before its first frame that is not done. What must hold is checked on the rows of the log alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from framehop.log import EmbeddedLog, LogOptions
from framehop.ops.audit import audit
from framehop.types import FrameRecord, Partition, StreamState
from tests.logs import TIMEOUT_S, make_event, make_frame, settle
from tests.waiting import until

STREAMS = ("gate", "yard", "hall", "roof", "lift")
# Nobody is taken for dead here: members come and go by rules.
OPTIONS = LogOptions(partitions=3, segment_bytes=8192, session_timeout_s=60.0)
MEMBERS = 2


class _Worker:
    """A member with frames in flight that get done in any order."""

    def __init__(self, log: EmbeddedLog, name: str) -> None:
        self._flight: dict[Partition, list[FrameRecord]] = {}
        self._done: set[int] = set()  # ids of records
        self.consumer = log.consumer("g", member=name, on_assign=self._forget, on_revoke=self._forget)

    def _forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._flight.pop(partition, None)

    def poll(self, count: int) -> None:
        for record in self.consumer.poll(count, 0.0):
            self._flight.setdefault(record.meta.pointer.topic_partition, []).append(record)

    def complete(self, dice: int) -> None:
        open_ones = [r for records in self._flight.values() for r in records if id(r) not in self._done]
        if open_ones:
            self._done.add(id(open_ones[dice % len(open_ones)]))

    def complete_all(self) -> None:
        self._done.update(id(record) for records in self._flight.values() for record in records)

    def commit(self) -> None:
        events, marks = [], {}
        for partition, records in self._flight.items():
            events += [make_event(record) for record in self._ready(records)]
            prefix = self._prefix(records)
            if prefix:
                marks[partition] = prefix[-1].meta.pointer.offset + 1
        result = self.consumer.commit(events, marks)
        assert not result.lost, "no member was ever taken for dead"
        for records in self._flight.values():
            del records[: len(self._prefix(records))]

    def _ready(self, records: list[FrameRecord]) -> list[FrameRecord]:
        held_back: set[str] = set()
        ready = []
        for record in records:
            if id(record) not in self._done:
                held_back.add(record.meta.key.stream)
            elif record.meta.key.stream not in held_back:
                ready.append(record)
        return ready

    def _prefix(self, records: list[FrameRecord]) -> list[FrameRecord]:
        for place, record in enumerate(records):
            if id(record) not in self._done:
                return records[:place]
        return list(records)


class CommitMachine(RuleBasedStateMachine):
    """Append, poll, complete, commit, crash, rebalance: in any order."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="framehop-commit-"))
        self.log = EmbeddedLog(self.root, options=OPTIONS)
        self.writer = self.log.writer()
        self.states: dict[str, StreamState] = {}
        self.next_seq: Counter[str] = Counter()
        self.workers = [_Worker(self.log, f"m{number}") for number in range(MEMBERS)]
        self.born = MEMBERS

    @rule(stream=st.sampled_from(STREAMS), count=st.integers(1, 4))
    def append(self, stream: str, count: int) -> None:
        if stream not in self.states:
            self.states[stream] = self.writer.open_stream(stream, source="test:", finite=True)
            self.next_seq[stream] = self.states[stream].next_seq
        for _ in range(count):
            self.writer.append(make_frame(self.states[stream], self.next_seq[stream]))
            self.next_seq[stream] += 1
        assert self.writer.flush(TIMEOUT_S)

    @rule(stream=st.sampled_from(STREAMS))
    def next_pass(self, stream: str) -> None:
        if stream in self.states:
            self.states[stream] = self.writer.next_pass(stream)
            self.next_seq[stream] = 0

    @rule()
    def restart_the_writer(self) -> None:
        self.writer.close()
        self.writer = self.log.writer()
        self.states.clear()

    @rule(which=st.integers(0, 9), count=st.integers(1, 8))
    def poll(self, which: int, count: int) -> None:
        self.workers[which % len(self.workers)].poll(count)

    @rule(which=st.integers(0, 9), dice=st.integers(0, 99))
    def complete_one(self, which: int, dice: int) -> None:
        self.workers[which % len(self.workers)].complete(dice)

    @rule(which=st.integers(0, 9))
    def complete_all(self, which: int) -> None:
        self.workers[which % len(self.workers)].complete_all()

    @rule(which=st.integers(0, 9))
    def commit(self, which: int) -> None:
        self.workers[which % len(self.workers)].commit()

    @rule(which=st.integers(0, 9))
    def crash_and_come_back(self, which: int) -> None:
        place = which % len(self.workers)
        self.workers[place].consumer.close()
        self.workers[place] = self._new_worker()

    @rule()
    def join(self) -> None:
        if len(self.workers) < 4:
            self.workers.append(self._new_worker())

    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        if len(self.workers) > 1:
            self.workers.pop(which % len(self.workers)).consumer.close()

    @rule()
    def settle(self) -> None:
        settle([worker.consumer for worker in self.workers], OPTIONS.partitions)

    @invariant()
    def events_are_single_and_in_order(self) -> None:
        if hasattr(self, "log"):
            report = audit(self.log)
            assert (report.duplicates, report.out_of_order, report.unknown) == (0, 0, 0), report.findings

    @invariant()
    def nothing_below_a_mark_lacks_its_event(self) -> None:
        if hasattr(self, "log"):
            done = {record.event.key for record in self.log.events()}
            marks = self.log.committed("g")
            for meta in self.log.scan_frames():
                assert meta.key in done or meta.pointer.offset >= marks[meta.pointer.topic_partition], meta.key

    def teardown(self) -> None:
        if not hasattr(self, "log"):
            return
        try:
            self._finish()
        finally:
            self.log.close()
            shutil.rmtree(self.root)

    def _finish(self) -> None:
        """Whatever happened: one more member gets every frame its event."""
        for worker in self.workers:
            worker.consumer.close()
        last = self._new_worker()

        def drained() -> bool:
            last.poll(64)
            last.complete_all()
            last.commit()
            return self.log.committed("g") == self.log.end_offsets()

        until(drained, "every frame committed")
        report = audit(self.log)
        assert report.ok, report.findings
        assert report.frames == report.events

    def _new_worker(self) -> _Worker:
        self.born += 1
        return _Worker(self.log, f"m{self.born}")


TestCommitMachine = CommitMachine.TestCase
TestCommitMachine.settings = settings(
    max_examples=25, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
