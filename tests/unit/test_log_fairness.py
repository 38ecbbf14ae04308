"""Streams of a log in a directory get the same, whoever shares a partition with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from framehop.log import open_log
from framehop.protocols import FrameLog
from tests.logs import TIMEOUT_S, home, make_frame, settle

FRAMES = 60


def neighbours(log: FrameLog, count: int) -> tuple[list[str], str]:
    """Return streams that share a partition, and one that has another for itself."""
    names = [f"camera-{number}" for number in range(200)]
    crowd = [name for name in names if home(log, name) == home(log, names[0])][:count]
    return crowd, next(name for name in names if home(log, name) != home(log, names[0]))


def fill(log: FrameLog, streams: list[str]) -> None:
    with log.writer() as writer:
        states = [writer.open_stream(stream, source="test", finite=False) for stream in streams]
        for seq in range(FRAMES):
            for state in states:
                assert writer.append(make_frame(state, seq))
        assert writer.flush(TIMEOUT_S)


def test_a_stream_in_a_crowd_gets_as_much_as_one_that_is_alone(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, log.consumer("g", member="m") as consumer:
        crowd, alone = neighbours(log, 6)
        fill(log, [*crowd, alone])
        settle([consumer], log.partitions)
        consumer.poll(2 * len(crowd), TIMEOUT_S)  # by which it learns who is there
        read = Counter(record.meta.key.stream for _ in range(40) for record in consumer.poll(5, TIMEOUT_S))
    assert set(read) == {*crowd, alone}
    assert max(read.values()) - min(read.values()) <= 5, read


def test_what_one_partition_has_no_frames_for_another_gets(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, log.consumer("g", member="m") as consumer:
        crowd, alone = neighbours(log, 1)
        fill(log, crowd)
        settle([consumer], log.partitions)
        with log.writer() as writer:
            state = writer.open_stream(alone, source="test", finite=False)
            assert writer.append(make_frame(state, 0))
            assert writer.flush(TIMEOUT_S)
        read = [record.meta.key.stream for _ in range(2) for record in consumer.poll(30, TIMEOUT_S)]
    assert Counter(read)[alone] == 1
    assert len(read) >= 45
