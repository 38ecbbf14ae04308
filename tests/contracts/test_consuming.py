"""FrameConsumer: delivery, fairness, groups, balance, commits."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping

import pytest

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.protocols import FrameLog, Tenure
from framehop.timing import Deadline
from framehop.types import FrameKey, FrameMeta, FrameRecord, Partition
from tests.contracts.conftest import UNIQUE
from tests.logs import TIMEOUT_S, home, is_whole, make_event, make_frame, marks_after, read, settle, tenures_of, write
from tests.waiting import until

MINUTE_US = 60_000_000
SPREAD = ("cam-0", "cam-1", "cam-2", "cam-3", "cam-4", "cam-5", "cam-6", "cam-7")


def test_frames_come_in_order_with_their_bytes(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 100)
        records = read(consumer, 100)
        assert [record.meta.key.seq for record in records] == list(range(100))
        assert all(is_whole(record) for record in records)
        assert consumer.poll(10, 0.0) == []
        assert consumer.frames_read == 100


def test_a_payload_outlives_its_consumer_and_its_log(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 1)
        (record,) = read(consumer, 1)
    log.close()
    assert is_whole(record)


def test_latest_starts_behind_what_is_there(log: FrameLog) -> None:
    with log.writer() as writer:
        write(writer, "a", 5)
        with log.consumer("g", member="m", start="latest") as consumer:
            settle([consumer], log.partitions)
            state = write(writer, "b", 3)
            assert [record.meta.key.stream for record in read(consumer, 3)] == [state.stream] * 3


@pytest.mark.parametrize(
    "store", UNIQUE
)  # Kafka shares out what has come, whatever that is: see tests/unit/test_kafka_handoff.py
def test_a_poll_is_shared_among_partitions(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "flood", 200)
        others = [name for name in SPREAD if home(log, name) != home(log, "flood")][:2]
        for name in others:
            write(writer, name, 5)
        settle([consumer], log.partitions)
        streams = {record.meta.key.stream for record in consumer.poll(9, TIMEOUT_S)}
        assert streams == {"flood", *others}


def test_a_poll_gives_no_more_than_asked(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        for name in SPREAD:
            write(writer, name, 5)
        sizes = []

        def drained() -> bool:
            sizes.append(len(consumer.poll(3, 0.05)))
            return sum(sizes) == 40

        until(drained, "all frames")
        assert max(sizes) == 3


def test_a_poll_for_nothing_only_keeps_membership(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 1)
        assert consumer.poll(0, 0.0) == []
        assert len(read(consumer, 1)) == 1


def test_an_append_wakes_a_waiting_poll(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        state = writer.open_stream("a", source="test:", finite=False)
        settle([consumer], log.partitions)
        late = threading.Timer(0.05, lambda: writer.append(make_frame(state, 0)))
        late.start()
        assert len(consumer.poll(1, TIMEOUT_S)) == 1
        late.join()


def test_wake_ends_a_waiting_poll(log: FrameLog) -> None:
    with log.consumer("g", member="m") as consumer:
        settle([consumer], log.partitions)
        waker = threading.Timer(0.05, consumer.wake)
        deadline = Deadline.after(TIMEOUT_S)
        waker.start()
        assert consumer.poll(1, TIMEOUT_S) == []
        assert not deadline.expired
        waker.join()


def test_groups_do_not_know_each_other(log: FrameLog) -> None:
    with (
        log.writer() as writer,
        log.consumer("one", member="m") as one,
        log.consumer("two", member="m") as two,
    ):
        write(writer, "a", 10)
        first, second = read(one, 10), read(two, 10)
        assert [record.meta for record in first] == [record.meta for record in second]
        one.commit([make_event(record) for record in first], marks_after(first))
        assert log.committed("one") != log.committed("two")
    assert log.committed("three") == {}


def test_a_commit_is_where_the_group_goes_on(log: FrameLog) -> None:
    with log.writer() as writer:
        write(writer, "a", 10)
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 10)
        done = records[:6]
        result = consumer.commit([make_event(record) for record in done], marks_after(done))
        assert (result.lost, result.duplicates) == (frozenset(), 0)
        partition = records[0].meta.pointer.topic_partition
        assert consumer.positions()[partition] == 6
        assert log.committed("g")[partition] == 6
    with log.consumer("g", member="successor") as consumer:
        assert [record.meta.key.seq for record in read(consumer, 4)] == [6, 7, 8, 9]


@pytest.mark.parametrize("store", UNIQUE)
def test_the_first_event_of_an_id_wins(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 2)
        records = read(consumer, 2)
        consumer.commit([make_event(records[0], writer="first")], {})
        result = consumer.commit([make_event(record, writer="second") for record in records], marks_after(records))
        assert result.duplicates == 1
        with log.events() as reader:
            assert [(r.event.seq, r.event.writer) for r in reader] == [(0, "first"), (1, "second")]


def test_an_event_id_must_be_that_of_its_frame(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 1)
        event = make_event(read(consumer, 1)[0])
        object.__setattr__(event, "event_id", "a/1/2/main")
        with pytest.raises(InvalidArgumentError, match="event id"):
            consumer.commit([event], {})
        with log.events() as reader:
            assert list(reader) == []


def test_offsets_never_go_back(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 4)
        partition = read(consumer, 4)[0].meta.pointer.topic_partition
        consumer.commit([], {partition: 4})
        consumer.commit([], {partition: 2})
        assert consumer.positions()[partition] == 4


def test_members_share_the_partitions_and_move_few(log: FrameLog) -> None:
    with log.consumer("g", member="a") as a:
        settle([a], log.partitions)
        with log.consumer("g", member="b") as b:
            settle([a, b], log.partitions)
            before = a.assignment
            with log.consumer("g", member="c") as c:
                settle([a, b, c], log.partitions)
                assert a.assignment <= before
            settle([a, b], log.partitions)
        settle([a], log.partitions)


def test_a_partition_is_revoked_before_another_gets_it(log: FrameLog) -> None:
    story: list[tuple[str, Partition]] = []
    committed: list[int] = []

    def revoked(partitions: frozenset[Partition]) -> None:
        story.extend(("a gives", partition) for partition in partitions)
        result = a.commit([], dict.fromkeys(partitions, 0))  # still the owner's: the last chance to commit
        committed.append(len(result.lost))

    def gained(partitions: Mapping[Partition, Tenure]) -> None:
        story.extend(("b gets", partition) for partition in partitions)

    with log.consumer("g", member="a", on_revoke=revoked) as a:
        settle([a], log.partitions)
        with log.consumer("g", member="b", on_assign=gained) as b:
            settle([a, b], log.partitions)
            for partition in b.assignment:
                assert story.index(("a gives", partition)) < story.index(("b gets", partition))
    assert committed
    assert set(committed) == {0}


def test_who_gave_a_partition_back_cannot_commit_to_it(log: FrameLog) -> None:
    with log.writer() as writer:
        for name in SPREAD:
            write(writer, name, 1)
    with log.consumer("g", member="a") as a:
        records = read(a, len(SPREAD))
        with log.consumer("g", member="b") as b:
            settle([a, b], log.partitions)
            result = a.commit([make_event(record) for record in records], marks_after(records))
            given = {record.meta.pointer.topic_partition for record in records} & b.assignment
            assert result.lost == given
            with log.events() as reader:
                assert {r.event.frame.topic_partition for r in reader}.isdisjoint(given)
            assert all(log.committed("g").get(partition, 0) == 0 for partition in given)


def test_a_partition_that_went_and_came_back_has_a_new_tenure(log: FrameLog) -> None:
    """Frames read before the partition went are refused although it is owned again; they are read anew."""
    begun: dict[Partition, Tenure] = {}
    with log.writer() as writer:
        for name in SPREAD:
            write(writer, name, 3)
    with log.consumer("g", member="a", on_assign=begun.update) as a:
        before = read(a, 3 * len(SPREAD))
        with log.consumer("g", member="b") as b:
            settle([a, b], log.partitions)
            gone = {record.meta.pointer.topic_partition for record in before} & b.assignment
        settle([a], log.partitions)
        again = read(a, sum(record.meta.pointer.topic_partition in gone for record in before))
        assert {record.meta.pointer.topic_partition for record in again} == gone
        assert tenures_of(again) == {partition: begun[partition].number for partition in gone}

        late = [make_event(record, writer="before") for record in before]
        assert a.commit(late, marks_after(before), tenures=tenures_of(before)).lost == gone
        anew = [make_event(record, writer="anew") for record in again]
        assert not a.commit(anew, marks_after(again), tenures=tenures_of(again)).lost
    with log.events() as reader:
        found = [(r.event.key, r.event.writer) for r in reader]
    assert sorted(found) == sorted(
        (record.meta.key, "anew" if record.meta.pointer.topic_partition in gone else "before") for record in before
    )


def test_who_is_given_a_partition_learns_what_was_committed_of_it(log: FrameLog) -> None:
    begun: list[Mapping[Partition, Tenure]] = []
    with log.writer() as writer:
        write(writer, "a", 4)
    with log.consumer("g", member="m") as consumer:
        done = read(consumer, 4)[:2]
        partition = done[0].meta.pointer.topic_partition
        consumer.commit([make_event(record) for record in done], marks_after(done), {partition: "v1:0"})
    with log.consumer("g", member="successor", on_assign=begun.append) as consumer:
        settle([consumer], log.partitions)
        (tenure,) = [tenures[partition] for tenures in begun if partition in tenures]
        assert (tenure.offset, tenure.metadata) == (2, "v1:0")


def test_reading_may_begin_before_what_was_committed_and_moves_no_offset(log: FrameLog) -> None:
    asked: list[Tenure] = []

    def begin(_partition: Partition, tenure: Tenure) -> int:
        asked.append(tenure)
        return int(tenure.metadata or tenure.offset)

    with log.writer() as writer:
        write(writer, "a", 6)
    with log.consumer("g", member="m") as consumer:
        done = read(consumer, 6)[:4]
        partition = done[0].meta.pointer.topic_partition
        consumer.commit([make_event(record) for record in done], marks_after(done), {partition: "1"})
    with log.consumer("g", member="successor", begin_at=begin) as consumer:
        again = read(consumer, 5)
        assert [record.meta.key.seq for record in again] == [1, 2, 3, 4, 5]
        assert [tenure.offset for tenure in asked if tenure.metadata] == [4]
        assert (consumer.positions()[partition], log.committed("g")[partition]) == (4, 4)
        assert not consumer.commit([], {partition: 3}, {partition: "0"}, tenures_of(again)).lost
        assert (consumer.positions()[partition], log.committed("g")[partition]) == (4, 4)
        rest = again[3:]
        consumer.commit([make_event(record) for record in rest], marks_after(rest), {partition: "2"}, tenures_of(again))
        assert log.committed("g")[partition] == 6
        assert consumer.poll(10, 0.0) == []
    with log.consumer("g", member="third", begin_at=begin) as consumer:
        assert [record.meta.key.seq for record in read(consumer, 4)] == [2, 3, 4, 5]
    assert list(log.gaps()) == []


def test_a_place_that_the_log_has_not_is_moved_into_it(log: FrameLog) -> None:
    with log.writer() as writer:
        write(writer, "a", 3)
    with log.consumer("g", member="m") as consumer:
        done = read(consumer, 3)[:1]
        consumer.commit([make_event(record) for record in done], marks_after(done))
    with log.consumer("g", member="n", begin_at=lambda _partition, _tenure: -7) as consumer:
        assert [record.meta.key.seq for record in read(consumer, 3)] == [0, 1, 2]
    with log.consumer("g", member="o", begin_at=lambda _partition, _tenure: 1 << 40) as consumer:
        assert [record.meta.key.seq for record in read(consumer, 2)] == [1, 2]
    assert list(log.gaps()) == []


def test_the_frames_before_a_place_can_be_looked_at(log: FrameLog) -> None:
    """They can be looked at while the group is being given its partitions, too."""
    found: list[FrameMeta] = []

    def begin(partition: Partition, tenure: Tenure) -> int:
        found.extend(log.look_back(partition, tenure.offset, MINUTE_US))
        return tenure.offset

    with log.writer() as writer:
        write(writer, "a", 6)
    with log.consumer("g", member="m") as consumer:
        done = read(consumer, 6)[:4]
        consumer.commit([make_event(record) for record in done], marks_after(done))
    with log.consumer("g", member="n", begin_at=begin) as consumer:
        assert [record.meta.key.seq for record in read(consumer, 2)] == [4, 5]
    assert [meta.key.seq for meta in found] == [0, 1, 2, 3]
    assert [meta.pointer.offset for meta in found] == [0, 1, 2, 3]


def test_only_the_last_of_them_are_looked_at(log: FrameLog) -> None:
    with log.writer() as writer:
        state = write(writer, "a", 2)
        partition = home(log, "a")
        before_us = next(log.scan_frames()).appended_us

        def later() -> bool:
            """Append until the log's clock, which may count in milliseconds, has gone on."""
            assert writer.append(make_frame(state, next(seqs)))
            assert writer.flush(TIMEOUT_S)
            *_, last = log.scan_frames()
            return last.appended_us > before_us + 5_000

        seqs = itertools.count(2)
        until(later, "a later frame")
    metas = list(log.scan_frames())
    last = metas[-1]
    wanted = [meta for meta in metas if meta.appended_us >= last.appended_us - 2_000]
    assert 0 < len(wanted) < len(metas)
    assert list(log.look_back(partition, len(metas), 2_000)) == wanted
    assert list(log.look_back(partition, 0, MINUTE_US)) == []
    assert [meta.key.seq for meta in log.look_back(partition, 1, 0)] == [0]


def test_frames_read_again_belong_to_their_tenure(log: FrameLog) -> None:
    """A consumer that lost the partition while reading again cannot commit under the old tenure."""
    with log.writer() as writer:
        for name in SPREAD:
            write(writer, name, 3)
    with log.consumer("g", member="a") as a:
        done = [record for record in read(a, 24) if record.meta.key.seq < 2]
        a.commit([make_event(record) for record in done], _contiguous(log, done))
    with log.consumer("g", member="a", begin_at=lambda _partition, _tenure: 0) as a:
        before = read(a, 24)
        with log.consumer("g", member="b") as b:
            settle([a, b], log.partitions)
            gone = {record.meta.pointer.topic_partition for record in before} & b.assignment
        settle([a], log.partitions)
        late = a.commit([], marks_after(before), tenures=tenures_of(before))
        assert late.lost == gone


def test_a_new_member_goes_on_where_the_old_one_committed(log: FrameLog) -> None:
    with log.writer() as writer:
        for name in SPREAD:
            write(writer, name, 4)
    with log.consumer("g", member="a") as a:
        records = [record for record in read(a, 32) if record.meta.key.seq < 2]
        a.commit([make_event(record) for record in records], _contiguous(log, records))
    with log.consumer("g", member="b") as b, log.consumer("g", member="c") as c:
        settle([b, c], log.partitions)
        found: set[FrameKey] = set()

        def all_found() -> bool:
            for consumer in (b, c):
                found.update(record.meta.key for record in consumer.poll(8, 0.01))
            done = {record.meta.key for record in records}
            return found | done == {meta.key for meta in log.scan_frames()}

        until(all_found, "every frame that was not committed")


def _contiguous(log: FrameLog, done: list[FrameRecord]) -> dict[Partition, int]:
    """The contiguous prefix of what is done, by partition."""
    keys = {record.meta.key for record in done}
    marks = dict.fromkeys(log.end_offsets(), 0)
    for meta in log.scan_frames():
        pointer = meta.pointer
        if meta.key in keys and marks[pointer.topic_partition] == pointer.offset:
            marks[pointer.topic_partition] += 1
    return marks


def test_a_closed_consumer_says_so(log: FrameLog) -> None:
    consumer = log.consumer("g", member="m")
    consumer.close()
    consumer.close()
    with pytest.raises(ClosedError, match="consumer"):
        consumer.poll(1, 0.0)
    with pytest.raises(ClosedError, match="consumer"):
        consumer.commit([], {})
