"""The state of a MemoryLog, all of it under one lock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from framehop.account import IngestAccount
from framehop.errors import LogFullError
from framehop.partitioning import partition_of
from framehop.protocols import Ack
from framehop.timing import now_us
from framehop.types import EventRecord, Frame, FrameKey, FrameMeta, FramePointer, FrameRecord, Gap

TOPIC = "frames"


@dataclass(slots=True)
class MemoryStream:
    """A stream's row. `writer`: the writer that has it open."""

    epoch: int = 0
    source: str = ""
    pass_index: int = 0
    finished_us: int = 1
    origins: dict[int, dict[int, str]] = field(default_factory=dict)  # by epoch and seq
    writer: object | None = None


@dataclass(slots=True)
class MemoryGroup:
    """A consumer group: its offsets, and the owner and generation of each partition."""

    offsets: dict[int, int]
    owners: dict[int, object | None]
    generations: dict[int, int]
    members: dict[object, str] = field(default_factory=dict)
    metadata: dict[int, str] = field(default_factory=dict)


class MemoryStore:
    """The state itself. Every method and attribute needs `changed` held. Frames are by partition, then by offset."""

    def __init__(self, partitions: int) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.frames: list[dict[int, FrameRecord]] = [{} for _ in range(partitions)]
        self.ends = [0] * partitions
        self.keys: dict[FrameKey, FramePointer] = {}
        self.events: list[EventRecord] = []
        self.event_ids: set[str] = set()
        self.streams: dict[str, MemoryStream] = {}
        self.groups: dict[str, MemoryGroup] = {}
        self.readers: dict[str, int] = {}
        self.gaps: list[Gap] = []
        self.lost: set[tuple[int, int]] = set()
        self.accounts: dict[tuple[str, int], IngestAccount] = {}
        self.full = False

    def check_room(self) -> None:
        if self.full:
            raise LogFullError("no room for the log in memory: make room; it goes on by itself")

    def append(self, frame: Frame) -> Ack:
        if frame.key in self.keys:
            return Ack(pointer=self.keys[frame.key], duplicate=True)
        partition = partition_of(frame.key.stream, len(self.frames))
        pointer = FramePointer(topic=TOPIC, partition=partition, offset=self.ends[partition])
        self.frames[partition][pointer.offset] = FrameRecord(
            meta=_meta(frame, pointer), payload=memoryview(frame.payload)
        )
        self.ends[partition] += 1
        self.keys[frame.key] = pointer
        if frame.origin:
            self.streams[frame.key.stream].origins.setdefault(frame.key.epoch, {})[frame.key.seq] = frame.origin
        return Ack(pointer=pointer)

    def read(self, partition: int, offset: int) -> FrameRecord | None:
        record = self.frames[partition].get(offset) if partition < len(self.frames) else None
        if record is not None and (partition, offset) in self.lost:
            return replace(record, payload=None)
        return record

    def next_seq(self, stream: str, epoch: int) -> int:
        seqs = [key.seq for key in self.keys if (key.stream, key.epoch) == (stream, epoch)]
        return 1 + max(seqs, default=-1)

    def group(self, name: str) -> MemoryGroup:
        return self.groups[name]

    def owners(self, name: str) -> dict[int, str]:
        """Return the member's name by partition."""
        if name not in self.groups:
            return {}
        members = {member: text.partition(".")[2] for member, text in self.groups[name].members.items()}
        return {number: members[owner] for number, owner in self.groups[name].owners.items() if owner in members}

    def drop_before(self, partition: int, offset: int) -> None:
        stored = self.frames[partition]
        for at in [at for at in stored if at < offset]:
            key = stored.pop(at).meta.key
            self.gaps.append(
                Gap(
                    reason="retention",
                    topic=TOPIC,
                    partition=partition,
                    first_offset=at,
                    last_offset=at,
                    stream=key.stream,
                    epoch=key.epoch,
                    first_seq=key.seq,
                    last_seq=key.seq,
                )
            )
            self.events = [record for record in self.events if record.event.key != key]
        self.changed.notify_all()


def _meta(frame: Frame, pointer: FramePointer) -> FrameMeta:
    return FrameMeta(
        key=frame.key,
        pointer=pointer,
        captured_us=frame.captured_us,
        received_us=frame.received_us,
        appended_us=now_us(),
        clock=frame.clock,
        content_type=frame.content_type,
        keyframe=frame.keyframe,
        width=frame.width,
        height=frame.height,
        payload_bytes=len(frame.payload),
        traceparent=frame.traceparent,
        error=frame.error,
        origin=frame.origin,
    )
