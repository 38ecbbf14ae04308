"""The count of frames with an object: in a worker, over all workers, and as the commands say it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from framehop.cli.demo_report import DemoTally
from framehop.cli.object_counts import object_count_lines
from framehop.pipeline.object_counts import MAX_STREAMS, OTHERS, ByStream, ObjectCount, add, summed
from framehop.pipeline.processes.channel import MAX_PACKET
from framehop.pipeline.processes.messages import Beat
from framehop.pipeline.supervisor.status import Counters
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.in_flight import InFlight
from framehop.protocols import CommitResult
from framehop.testing.memory_log import MemoryLog
from framehop.types import DetectedObject, Event, FrameRecord
from tests.logs import make_event, marks_after, read, write

CAT = DetectedObject(label="cat", label_id=17, confidence=0.9, box=(1, 1, 20, 20))


def events_of(records: list[FrameRecord]) -> list[Event]:
    """The first frame of each stream has two objects, the others have none."""
    return [replace(make_event(record), objects=[] if record.meta.key.seq else [CAT, CAT]) for record in records]


def test_a_worker_counts_frames_and_not_objects_and_only_what_it_wrote() -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer, InFlight() as flight:
        write(writer, "gate", 3)
        write(writer, "yard", 2)
        events = events_of(read(consumer, 5))
        places = {event.stream: event.frame.topic_partition for event in events}
        assert places["gate"] != places["yard"], "the test needs streams of two partitions"
        batch = Batch(events=events, marks={}, tenures=dict.fromkeys(places.values(), 0))
        flight.committed(batch, CommitResult(lost=frozenset({places["yard"]})))
        assert flight.beat(frames_read=5, resent=0).found == {"gate": ObjectCount(3, 1)}


def test_the_counts_of_all_workers_and_of_those_that_have_ended_are_one() -> None:
    counters = Counters()
    counters.bury(Beat(found={"a": ObjectCount(10, 4)}))
    counters.bury(Beat(found={"b": ObjectCount(5, 0), "a": ObjectCount(1, 1)}))
    assert counters.status([]).found == {"a": ObjectCount(11, 5), "b": ObjectCount(5, 0)}


def test_many_streams_stay_within_a_packet_and_none_is_forgotten() -> None:
    counts: ByStream = {}
    for number in range(500):
        add(counts, f"{number:0128}", ObjectCount(10**9, 10**9))
    assert len(counts) == MAX_STREAMS + 1
    assert sum(found.frames for found in counts.values()) == 500 * 10**9
    assert counts[OTHERS].with_object == (500 - MAX_STREAMS) * 10**9
    assert len(msgspec.json.encode(Beat(found=counts))) < MAX_PACKET / 8
    assert summed([counts, counts])[OTHERS] == counts[OTHERS].plus(counts[OTHERS])


def test_the_demo_counts_from_the_log() -> None:
    with MemoryLog() as log:
        with log.writer() as writer, log.consumer("g", member="m") as consumer:
            write(writer, "gate", 3)
            records = read(consumer, 3)
            consumer.commit(events_of(records), marks_after(records))
        tally = DemoTally.of(log)
    assert (tally.found, tally.objects["cat"]) == ({"gate": ObjectCount(3, 1)}, 2)


def test_it_is_said_by_stream_and_for_the_rest_together() -> None:
    assert list(object_count_lines({})) == []
    few = {"yard": ObjectCount(3, 0), "gate": ObjectCount(120, 97)}
    assert list(object_count_lines(few)) == [
        "gate: 120 frames, 97 with an object",
        "yard: 3 frames, none with an object",
    ]
    many = {f"cam-{number:02}": ObjectCount(2, 1) for number in range(10)} | {OTHERS: ObjectCount(100, 50)}
    lines = list(object_count_lines(many))
    assert (len(lines), lines[7]) == (9, "cam-07: 2 frames, 1 with an object")
    assert lines[8] == "further streams: 104 frames, 52 with an object"
