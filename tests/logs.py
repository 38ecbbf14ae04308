"""Helpers for tests of the log: frames with checkable payloads, events for them, and loops with a deadline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from framehop.log import LogOptions
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.retention import Retention
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.partitioning import partition_of
from framehop.protocols import FrameConsumer, FrameLog, FrameWriter
from framehop.types import Event, Frame, FrameKey, FrameRecord, Partition, StreamState, rfc3339
from tests.waiting import until

TIMEOUT_S = 30.0


def payload_of(key: FrameKey, size: int = 1000) -> bytes:
    """Bytes that only this key has."""
    unit = hashlib.blake2b(str(key).encode()).digest()
    return (unit * (size // len(unit) + 1))[:size]


def make_frame(state: StreamState, seq: int, *, size: int = 1000) -> Frame:
    key = FrameKey(state.stream, state.epoch, seq)
    return Frame(key=key, payload=payload_of(key, size), captured_us=1_000_000 + seq, received_us=2_000_000 + seq)


def is_whole(record: FrameRecord) -> bool:
    """Whether the picture came back as it was written."""
    return record.payload is not None and bytes(record.payload) == payload_of(
        record.meta.key, record.meta.payload_bytes
    )


def make_event(record: FrameRecord, *, lane: str = "main", writer: str = "test") -> Event:
    meta = record.meta
    return Event(
        event_id=meta.key.event_id(lane),
        lane=lane,
        outcome="detected",
        stream=meta.key.stream,
        epoch=meta.key.epoch,
        seq=meta.key.seq,
        captured_at=rfc3339(meta.captured_us),
        received_at=rfc3339(meta.received_us),
        clock=meta.clock,
        width=meta.width,
        height=meta.height,
        frame=meta.pointer,
        writer=writer,
    )


def write(writer: FrameWriter, stream: str, count: int, *, size: int = 1000) -> StreamState:
    """Open `stream` as a live source, append `count` frames and wait for their acknowledgements."""
    state = writer.open_stream(stream, source=f"test:{stream}", finite=False)
    for seq in range(count):
        assert writer.append(make_frame(state, seq, size=size))
    assert writer.flush(TIMEOUT_S)
    return state


def retain(root: Path, **limits: Any) -> None:
    """Apply these limits to the log in `root`, once."""
    with closing(WriteAhead(root / "index.db")) as ahead:
        Retention(LogPaths(root), LogOptions(**limits)).apply(ahead)


def read(consumer: FrameConsumer, count: int) -> list[FrameRecord]:
    """Poll until `count` frames have come."""
    found: list[FrameRecord] = []

    def enough() -> bool:
        found.extend(consumer.poll(min(64, max(1, count - len(found))), 0.05))
        return len(found) >= count

    until(enough, f"{count} frames from the consumer")
    return found


def marks_after(records: Iterable[FrameRecord]) -> dict[Partition, int]:
    """The offsets behind these records, by partition."""
    marks: dict[Partition, int] = {}
    for record in records:
        pointer = record.meta.pointer
        marks[pointer.topic_partition] = max(marks.get(pointer.topic_partition, 0), pointer.offset + 1)
    return marks


def tenures_of(records: Sequence[FrameRecord]) -> dict[Partition, int]:
    """The tenures these records were read under, by partition; of each there is one."""
    tenures = {record.meta.pointer.topic_partition: record.tenure for record in records}
    assert all(tenures[record.meta.pointer.topic_partition] == record.tenure for record in records)
    return tenures


def partitions(numbers: Iterable[int]) -> frozenset[Partition]:
    """Partitions of a log that has one topic, `frames`."""
    return frozenset(Partition("frames", number) for number in numbers)


def home(log: FrameLog, stream: str) -> Partition:
    """Return the partition of `stream` in a log that writes to the first of its topics."""
    topic, *_ = sorted({partition.topic for partition in log.end_offsets()})
    mine = [partition for partition in log.end_offsets() if partition.topic == topic]
    return Partition(topic, partition_of(stream, len(mine)))


def settle(consumers: Sequence[FrameConsumer], partitions: int) -> None:
    """Poll all of them until every partition has one owner and the shares differ by one at most."""

    def settled() -> bool:
        for consumer in consumers:
            consumer.poll(0, 0.01)
        sizes = [len(consumer.assignment) for consumer in consumers]
        owned = frozenset[Partition]().union(*(consumer.assignment for consumer in consumers))
        return len(owned) == sum(sizes) == partitions and max(sizes) - min(sizes) <= 1

    until(settled, f"{len(consumers)} members with balanced shares")
