"""Convert rows of `frames` to the nouns of the log and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framehop.log.embedded.schema import TOPIC
from framehop.types import Frame, FrameKey, FrameMeta, FramePointer

COLUMNS = (
    'partition, "offset", stream, epoch, seq, segment, position, bytes, captured_us, received_us, appended_us,'
    " clock, content_type, keyframe, width, height, traceparent, error"
)
_ORIGIN = "SELECT origin FROM origins AS o WHERE o.stream=frames.stream AND o.epoch=frames.epoch AND o.seq=frames.seq"
SELECTED = f"{COLUMNS}, ({_ORIGIN})"
# Only this conflict is an expected outcome; any other broken constraint is an error.
INSERT = f"INSERT INTO frames({COLUMNS}) VALUES({','.join('?' * 18)}) ON CONFLICT(stream, epoch, seq) DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentAddress:
    """The address of a payload: a segment file by its number, and the byte in it at which the payload begins."""

    segment: int
    position: int


def to_row(frame: Frame, pointer: FramePointer, address: SegmentAddress, appended_us: int) -> tuple[Any, ...]:
    key = frame.key
    return (
        *(pointer.partition, pointer.offset, key.stream, key.epoch, key.seq),
        *(address.segment, address.position, len(frame.payload)),
        *(frame.captured_us, frame.received_us, appended_us),
        *(frame.clock, frame.content_type, int(frame.keyframe), frame.width, frame.height),
        *(frame.traceparent, frame.error),
    )


def address_of(row: tuple[Any, ...]) -> SegmentAddress:
    return SegmentAddress(segment=row[5], position=row[6])


def meta_of(row: tuple[Any, ...]) -> FrameMeta:
    return FrameMeta(
        key=FrameKey(row[2], row[3], row[4]),
        pointer=FramePointer(topic=TOPIC, partition=row[0], offset=row[1]),
        payload_bytes=row[7],
        captured_us=row[8],
        received_us=row[9],
        appended_us=row[10],
        clock=row[11],
        content_type=row[12],
        keyframe=bool(row[13]),
        width=row[14],
        height=row[15],
        traceparent=row[16],
        error=row[17],
        origin=row[18] or "",
    )
