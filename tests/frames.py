"""Frames of a log, without a log."""

from __future__ import annotations

from typing import Any

from framehop.decode import DecodeJob
from framehop.types import FrameKey, FrameMeta, FramePointer, FrameRecord


def record_of(
    seq: int,
    *,
    stream: str = "gate",
    epoch: int = 1,
    topic: str = "frames",
    partition: int = 0,
    offset: int | None = None,
    payload: bytes = b"x",
    tenure: int = 1,
    **changes: Any,
) -> FrameRecord:
    """Return a frame. `changes`: fields of its FrameMeta."""
    fields: dict[str, Any] = {
        "captured_us": epoch + seq,
        "received_us": epoch + seq,
        "appended_us": epoch + seq,
        "clock": "ingest",
        "content_type": "image/jpeg",
        "keyframe": True,
        "width": 64,
        "height": 48,
        "payload_bytes": len(payload),
        "traceparent": "",
    }
    pointer = FramePointer(topic=topic, partition=partition, offset=seq if offset is None else offset)
    meta = FrameMeta(key=FrameKey(stream, epoch, seq), pointer=pointer, **(fields | changes))
    return FrameRecord(meta=meta, payload=memoryview(payload), tenure=tenure)


def job_of(record: FrameRecord, **changes: Any) -> DecodeJob:
    return DecodeJob(record=record, polled_us=record.meta.received_us, **changes)
