"""The views of a film: the whole picture, and each part of a grid over it as a camera of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labels import Picture, Sample
from framehop import _core
from framehop.decode import DecodeJob, DecodeOptions, DecodeStage
from framehop.motion import Motion
from framehop.pipeline.worker.motion_gate import MotionGate
from framehop.types import FrameKey, FrameMeta, FramePointer, FrameRecord

Pixels = NDArray[np.uint8]
QUALITY = 85  # of JPEG, as framehop's sources have it
_SLOTS = 2


def frames_of(film: Path, fps: float, size: tuple[int, int] | None = None) -> Iterator[Pixels]:
    """Yield the pictures of a film at `fps`, by its own times: uint8 [H, W, 3], RGB. `size`: (width, height); default: its own."""
    width, height = size or (None, None)
    with av.open(str(film)) as container:
        due_s = -math.inf
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due_s:
                late = frame.time >= due_s + 1 / fps  # a film may begin at any time, and have pauses
                due_s = (frame.time if late else due_s) + 1 / fps
                yield frame.to_ndarray(format="rgb24", width=width, height=height).astype(np.uint8, copy=False)


def parts(pixels: Pixels, columns: int, rows: int) -> list[Pixels]:
    """Return the parts of a grid, row by row."""
    height, width = pixels.shape[0] // rows, pixels.shape[1] // columns
    return [
        np.ascontiguousarray(pixels[y * height : (y + 1) * height, x * width : (x + 1) * width])
        for y in range(rows)
        for x in range(columns)
    ]


def looked_at(jpegs: Sequence[bytes], fps: float, keep_s: float) -> set[int]:
    """Return the places of the frames that the motion gate looks at."""
    with TemporaryDirectory() as folder, _core.Ring.create(f"{folder}/ring", slots=_SLOTS, slot_bytes=1 << 16) as ring:
        decoders = DecodeStage.of(DecodeOptions(threads=1, max_pixels=1 << 27))
        gate = MotionGate(Motion(keep_s=keep_s), ring, decoders)
        try:
            jobs = [_job(place, payload, round(place * 1e6 / fps)) for place, payload in enumerate(jpegs)]
            wanted, _ = gate.sift_jobs(jobs, lambda _record: ring.try_acquire(_core.FrameTag("view", 1, 0, 0, 0)))
        finally:
            gate.close()
            decoders.close()
    return {job.record.meta.key.seq for job in wanted}


def _job(place: int, payload: bytes, at_us: int) -> DecodeJob:
    meta = FrameMeta(
        key=FrameKey("view", 1, place),
        pointer=FramePointer(topic="frames", partition=0, offset=place),
        captured_us=at_us,
        received_us=at_us,
        appended_us=at_us,
        clock="ingest",
        content_type="image/jpeg",
        keyframe=True,
        width=0,
        height=0,
        payload_bytes=len(payload),
        traceparent="",
    )
    return DecodeJob(record=FrameRecord(meta=meta, payload=memoryview(payload), tenure=1), polled_us=at_us)


def samples(jpegs: Sequence[bytes]) -> list[Sample]:
    """Return the pictures as those that were labelled are."""
    header = _core.read_jpeg_header(jpegs[0])
    return [Sample(_picture(seq, header.width, header.height), data) for seq, data in enumerate(jpegs)]


def _picture(seq: int, width: int, height: int) -> Picture:
    return Picture(
        stream="view", package="", file="", source="", seq=seq, width=width, height=height, objects=[], ignore=[]
    )
