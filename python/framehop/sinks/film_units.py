"""Finds the access units that a picture of a film needs, in a log that is still being written."""

from __future__ import annotations

from collections.abc import Iterator

from framehop.protocols import FrameArchive
from framehop.sinks.film import LONGEST_GROUP, LONGEST_GROUP_US, may_begin
from framehop.types import FrameMeta, FramePointer, FrameRecord

NEAR = 512  # records of the partition that are read at most to go on, before a key frame is looked for from behind
LOOKS_US = (
    2_000_000,
    10_000_000,
    LONGEST_GROUP_US,
)  # most groups are short, and in Kafka looking back costs their bytes


def units_from(log: FrameArchive, begin: int, wanted: FrameRecord) -> Iterator[FrameRecord]:
    """Read the units of a film from offset `begin` on, up to the wanted one. Raises LogError."""
    pointer = wanted.meta.pointer
    for offset in range(begin, pointer.offset):
        at = FramePointer(topic=pointer.topic, partition=pointer.partition, offset=offset)
        record = log.read_frame(at)
        if record is not None and _same_film(record.meta, wanted.meta):
            yield record
    yield wanted


def group_of(log: FrameArchive, wanted: FrameRecord, after: int = -1) -> Iterator[FrameRecord]:
    """Read the units from the wanted one's key frame on; only itself when the log does not have that. `after`: an offset up to
    which they are left out, if it lies in this group. Raises LogError."""
    metas = _metas_since_key_frame(log, wanted.meta)
    has_key_frame = metas[0].pointer.offset <= after
    for meta in metas:
        if has_key_frame and meta.pointer.offset <= after:
            continue
        record = wanted if meta.pointer == wanted.meta.pointer else log.read_frame(meta.pointer)
        if record is not None:
            yield record


def _metas_since_key_frame(log: FrameArchive, wanted: FrameMeta) -> list[FrameMeta]:
    if may_begin(wanted, wanted.captured_us):
        return [wanted]
    pointer = wanted.pointer
    for within_us in LOOKS_US:
        found = log.look_back(pointer.topic_partition, pointer.offset + 1, within_us)
        metas = [meta for meta in found if _same_film(meta, wanted)][-LONGEST_GROUP:]
        for index in reversed(range(len(metas))):
            if may_begin(metas[index], wanted.captured_us):
                return metas[index:]
    return [wanted]


def _same_film(one: FrameMeta, other: FrameMeta) -> bool:
    return (one.key.stream, one.key.epoch) == (other.key.stream, other.key.epoch)
