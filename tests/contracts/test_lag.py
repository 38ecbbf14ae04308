"""FrameLog.lag: how far a group is behind."""

from __future__ import annotations

from framehop.protocols import FrameLog
from framehop.timing import now_us
from framehop.types import PartitionLag
from tests.logs import home, make_event, marks_after, read, write
from tests.waiting import until


def _at(log: FrameLog, group: str, stream: str) -> PartitionLag:
    found = log.lag(group)
    assert [(lag.topic, lag.partition) for lag in found] == sorted(log.end_offsets())
    (at,) = [lag for lag in found if (lag.topic, lag.partition) == home(log, stream)]
    return at


def test_an_empty_log_is_not_behind(log: FrameLog) -> None:
    assert [(lag.end, lag.committed, lag.messages, lag.seconds) for lag in log.lag("g")] == [(0, None, 0, None)] * 8


def test_a_group_that_never_read_is_behind_by_everything(log: FrameLog) -> None:
    with log.writer() as writer:
        write(writer, "a", 5)
    found = _at(log, "g", "a")
    assert (found.end, found.committed, found.messages) == (5, None, 5)
    assert found.seconds is not None


def test_messages_and_seconds_shrink_with_the_commits(log: FrameLog) -> None:
    with log.writer() as writer:
        write(writer, "a", 5)
    metas = list(log.scan_frames())
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 5)
        consumer.commit([make_event(record) for record in records[:3]], marks_after(records[:3]))
        before, found, after = now_us(), _at(log, "g", "a"), now_us()
        assert (found.end, found.committed, found.messages) == (5, 3, 2)
        assert found.seconds is not None
        oldest = metas[3].appended_us
        assert before - oldest - 1000 <= found.seconds * 1e6 <= after - oldest + 1000
        consumer.commit([make_event(record) for record in records[3:]], marks_after(records))
        found = _at(log, "g", "a")
        assert (found.committed, found.messages, found.seconds) == (5, 0, None)
        assert _at(log, "other", "a").messages == 5


def test_every_partition_names_its_owner(log: FrameLog, store: str) -> None:
    def owners() -> set[str]:
        return {lag.owner for lag in log.lag("g")}

    assert owners() == {""}
    with log.consumer("g", member="m.0") as consumer:
        until(lambda: consumer.poll(0, 0.1) == [] and len(consumer.assignment) == 8, "all partitions")
        (owner,) = owners()
        if store.startswith("kafka"):  # members without names of their own: the broker's, and where they run
            assert owner.startswith("framehop-worker-")
            assert owner.endswith("@127.0.0.1")
        else:
            assert owner == "m.0"
        assert {lag.owner for lag in log.lag("other")} == {""}
    assert owners() == {""}
