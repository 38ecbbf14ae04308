"""Makes the event of a frame from its outcome."""

from __future__ import annotations

from framehop._core import HopReply
from framehop.decode import Decoded
from framehop.types import DetectedObject, Event, FrameMeta, ModelInfo, Outcome, rfc3339


def make_event(
    meta: FrameMeta,
    *,
    lane: str,
    writer: str,
    outcome: Outcome,
    reason: str = "",
    model: ModelInfo | None = None,
    objects: list[DetectedObject] | None = None,
    stages_ms: dict[str, float] | None = None,
    size: tuple[int, int] | None = None,
) -> Event:
    """Return the event of `meta`'s frame. `size`: width and height as found in the picture; by default those of the record."""
    width, height = size or (meta.width, meta.height)
    return Event(
        event_id=meta.key.event_id(lane),
        lane=lane,
        outcome=outcome,
        reason=reason,
        stream=meta.key.stream,
        epoch=meta.key.epoch,
        seq=meta.key.seq,
        captured_at=rfc3339(meta.captured_us),
        received_at=rfc3339(meta.received_us),
        clock=meta.clock,
        width=width,
        height=height,
        frame=meta.pointer,
        writer=writer,
        model=model,
        objects=objects or [],
        stages_ms=stages_ms or {},
        trace_id=_trace_id(meta.traceparent),
    )


def objects_of(reply: HopReply, labels: dict[int, str]) -> list[DetectedObject]:
    """Return the reply's boxes with their labels, strongest first as the detector sent them, rounded to 0.01 pixel."""
    return [
        DetectedObject(
            label=labels.get(label_id, str(label_id)),
            label_id=label_id,
            confidence=round(score, 4),
            box=(round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)),
        )
        for (x1, y1, x2, y2), score, label_id in zip(reply.boxes, reply.scores, reply.label_ids, strict=True)
    ]


def stage_times(meta: FrameMeta, decoded: Decoded, done_us: int, reply: HopReply) -> dict[str, float]:
    """Return milliseconds by stage, never negative. `append`, `log` and `total` compare the wall clocks of several moments, and of
    several hosts in Kafka, so a clock that is behind or was set back would make them negative; the rest is measured in place."""
    micros = {
        "append": meta.appended_us - meta.received_us,
        "log": decoded.job.polled_us - meta.appended_us,
        "decode": decoded.decode_us,
        "hop": reply.hop_us,
        "wait": reply.wait_us,
        "preprocess": reply.preprocess_us,
        "infer": reply.infer_us,
        "postprocess": reply.postprocess_us,
        "total": done_us - meta.received_us,
    }
    return {stage: round(max(0, value) / 1000, 3) for stage, value in micros.items()} | {
        "batch": float(reply.batch_size)
    }


def _trace_id(traceparent: str) -> str:
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""
