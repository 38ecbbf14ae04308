"""Events without a log, for tests of what reads them."""

from __future__ import annotations

import msgspec

from framehop.types import DetectedObject, Event, EventRecord, FramePointer, ModelInfo, Outcome, rfc3339

MODEL = ModelInfo(name="coco-ssd", version="1", sha256="0" * 64, provider="cpu")
BASE_US = 1_795_000_000_000_000


def event_of(
    seq: int,
    *,
    stream: str = "gate",
    lane: str = "main",
    outcome: Outcome = "detected",
    reason: str = "",
    labels: dict[str, float] | None = None,
    captured_us: int | None = None,
    stages_ms: dict[str, float] | None = None,
) -> Event:
    """Return an event. `labels`: an object of each, with this confidence."""
    captured_us = BASE_US + seq * 1_000_000 if captured_us is None else captured_us
    return Event(
        event_id=f"{stream}/1/{seq}/{lane}",
        lane=lane,
        outcome=outcome,
        reason=reason,
        stream=stream,
        epoch=1,
        seq=seq,
        captured_at=rfc3339(captured_us),
        received_at=rfc3339(captured_us),
        clock="ingest",
        width=64,
        height=48,
        frame=FramePointer(topic="frames", partition=0, offset=seq),
        writer="test",
        model=MODEL,
        objects=[
            DetectedObject(label=label, label_id=index, confidence=confidence, box=(1.0, 2.0, 30.0, 40.0))
            for index, (label, confidence) in enumerate((labels or {}).items())
        ],
        stages_ms=stages_ms or {},
    )


def recorded(event: Event, *, appended_us: int | None = None, raw: bytes | None = None) -> EventRecord:
    """Return the event as a log gives it. `appended_us`: when the log took it; by default a second per seq."""
    return EventRecord(
        event=event,
        raw=msgspec.json.encode(event) if raw is None else raw,
        offset=event.seq,
        appended_us=BASE_US + event.seq * 1_000_000 if appended_us is None else appended_us,
    )
