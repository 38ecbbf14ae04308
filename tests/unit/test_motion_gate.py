"""The motion gate between the log and the detector: what it skips, and that it looks when it cannot know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop import _core
from framehop.decode import Decoded, DecodeJob, DecodeOptions, DecodeStage, Glimpse, Passed
from framehop.decode.jpeg import JpegFrames
from framehop.motion import Motion
from framehop.pipeline.worker import motion_gate
from framehop.pipeline.worker.motion_gate import MotionGate
from framehop.pipeline.worker.scene import LEARN
from framehop.testing.synthetic import truncated_jpeg
from framehop.types import FrameKey, FrameMeta, FrameRecord
from tests.films import taker
from tests.frames import job_of, record_of

SECOND_US = 1_000_000
EPOCH = 1_700_000_000_000_000


def picture(*, bright_at: int | None = None) -> NDArray[np.uint8]:
    pixels = np.full((96, 160, 3), 90, np.uint8)
    if bright_at is not None:
        pixels[32:64, bright_at : bright_at + 32] = 200
    return pixels


STILL, MOVED = _core.encode_jpeg(picture()), _core.encode_jpeg(picture(bright_at=64))


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[_core.Ring]:
    with _core.Ring.create(str(tmp_path / "ring"), slots=4, slot_bytes=1 << 16) as ring:
        yield ring


@pytest.fixture
def gate(ring: _core.Ring) -> Iterator[MotionGate]:
    with closing(Decoders()) as decoders, closing(MotionGate(Motion(keep_s=10), ring, decoders)) as gate:
        yield gate


class Decoders:
    """The decoders of a worker, of which none decodes films."""

    def __init__(self, max_pixels: int = 1 << 20) -> None:
        self._jpegs = JpegFrames(DecodeOptions(threads=1, max_pixels=max_pixels))

    def inter_coded(self, meta: FrameMeta) -> bool:
        return meta.content_type != "image/jpeg"

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        return self._jpegs.glimpse(job)

    def close(self) -> None:
        self._jpegs.close()


def frame(seq: int, payload: bytes = STILL, *, at_s: float | None = None, **changes: Any) -> DecodeJob:
    at_us = EPOCH + round((seq / 5 if at_s is None else at_s) * SECOND_US)
    record = record_of(seq, epoch=EPOCH, payload=payload, captured_us=at_us, received_us=at_us)
    tenure = changes.pop("tenure", 1)
    return job_of(replace(record, meta=replace(record.meta, **changes), tenure=tenure))


def looked_at(gate: MotionGate, ring: _core.Ring, jobs: list[DecodeJob]) -> list[int]:
    wanted, passed = gate.sift_jobs(jobs, taker(ring))
    assert {each.reason for each in passed} <= {"no-motion"}
    assert len(wanted) + len(passed) == len(jobs)
    return [job.record.meta.key.seq for job in wanted]


def learnt(gate: MotionGate, ring: _core.Ring) -> int:
    """Let it learn its scene and come to rest; return the next seq."""
    assert looked_at(gate, ring, [frame(seq) for seq in range(LEARN + 1)]) == list(range(LEARN + 1))
    return LEARN + 1


def test_what_has_not_changed_is_skipped_and_what_has_is_looked_at_at_once(gate: MotionGate, ring: _core.Ring) -> None:
    seq = learnt(gate, ring)
    assert looked_at(gate, ring, [frame(seq), frame(seq + 1)]) == []
    assert looked_at(gate, ring, [frame(seq + 2, MOVED)]) == [seq + 2]
    assert looked_at(gate, ring, [frame(seq + 3), frame(seq + 4)]) == [seq + 3], "how it is when it is over"
    assert ring.free_slots() == ring.slot_count


def keeps(gate: MotionGate, ring: _core.Ring, stream: str) -> list[int]:
    """Return the seconds, of 30 after it came to rest, in which a stream is looked at."""
    whole = [frame(seq, key=FrameKey(stream, EPOCH, seq)) for seq in range(LEARN + 1)]
    assert len(looked_at(gate, ring, whole)) == LEARN + 1
    rest = [frame(0, at_s=LEARN / 5 + second, key=FrameKey(stream, EPOCH, second)) for second in range(1, 31)]
    return looked_at(gate, ring, rest)


def test_one_is_looked_at_every_so_many_seconds(gate: MotionGate, ring: _core.Ring) -> None:
    first = keeps(gate, ring, "gate")
    assert first[0] <= 10
    assert first == [first[0] + 10 * k for k in range(3)]


def test_streams_that_begin_together_do_not_all_ask_for_a_look_at_once(gate: MotionGate, ring: _core.Ring) -> None:
    seconds = Counter(keeps(gate, ring, f"camera-{number:03}")[0] for number in range(40))
    assert len(seconds) == 10
    assert max(seconds.values()) <= 8


def test_the_shortest_time_looks_at_every_frame(ring: _core.Ring) -> None:
    with closing(Decoders()) as decoders, closing(MotionGate(Motion(keep_s=1e-9), ring, decoders)) as gate:
        seq = learnt(gate, ring)
        assert looked_at(gate, ring, [frame(seq), frame(seq + 1)]) == [seq, seq + 1]


def test_a_clock_that_jumps_back_is_no_reason_not_to_look(gate: MotionGate, ring: _core.Ring) -> None:
    seq = learnt(gate, ring)
    assert looked_at(gate, ring, [frame(seq, at_s=-7200), frame(seq + 1, at_s=-7199)]) == [seq]


@pytest.mark.parametrize("changes", [{"tenure": 2}, {"key": FrameKey("gate", 2, 9)}])
def test_a_new_tenure_or_epoch_begins_by_looking(gate: MotionGate, ring: _core.Ring, changes: dict[str, Any]) -> None:
    seq = learnt(gate, ring)
    assert looked_at(gate, ring, [frame(seq)]) == []
    assert len(looked_at(gate, ring, [frame(seq + 1, **changes)])) == 1


def test_a_damaged_picture_is_left_to_its_decoder(gate: MotionGate, ring: _core.Ring) -> None:
    seq = learnt(gate, ring)
    assert looked_at(gate, ring, [frame(seq, truncated_jpeg()), frame(seq + 1, b"no picture")]) == [seq, seq + 1]
    assert looked_at(gate, ring, [frame(seq + 2)]) == []


def test_a_picture_above_the_cap_is_not_opened(ring: _core.Ring) -> None:
    with closing(Decoders(max_pixels=160 * 96 - 1)) as decoders:
        gate = MotionGate(Motion(), ring, decoders)
        assert looked_at(gate, ring, [frame(seq) for seq in range(20)]) == list(range(20))


def test_a_slot_carries_the_name_of_what_is_opened(
    gate: MotionGate, ring: _core.Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor knows from it which picture has killed the worker."""
    free: list[int] = []
    monkeypatch.setattr(_core, "read_jpeg_header", lambda _data: free.append(ring.free_slots()))
    with pytest.raises(AttributeError):
        gate.sift_jobs([frame(0)], taker(ring))
    assert free == [ring.slot_count - 1]
    assert ring.free_slots() == ring.slot_count


def test_a_worker_that_stops_leaves_the_frame_to_the_decoder(gate: MotionGate, ring: _core.Ring) -> None:
    wanted, passed = gate.sift_jobs([frame(0)], lambda _record: None)
    assert (len(wanted), passed) == (1, [])


def test_no_more_views_are_remembered_than_the_limit(
    gate: MotionGate, ring: _core.Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion_gate, "MOST_SCENES", 2)
    seq = learnt(gate, ring)
    for stream in ("a", "b"):
        looked_at(gate, ring, [_of(frame(0), stream)])
    assert looked_at(gate, ring, [frame(seq)]) == [seq], "it was forgotten, so it begins by looking"


def _of(job: DecodeJob, stream: str) -> DecodeJob:
    key = replace(job.record.meta.key, stream=stream)
    return replace(
        job, record=FrameRecord(meta=replace(job.record.meta, key=key), payload=job.record.payload, tenure=1)
    )


def test_pictures_of_films_are_judged_once_they_are_decoded(gate: MotionGate, ring: _core.Ring) -> None:
    """JPEGs stand in for them: to the gate a film's picture is one in a slot."""
    jobs = [frame(seq) for seq in range(LEARN + 3)] + [frame(LEARN + 3, MOVED)]
    found = []
    with DecodeStage.of(DecodeOptions(threads=1, max_pixels=1 << 20)) as stage:
        for job in jobs:
            outcomes = [outcome for each in stage.decode([job], taker(ring)) for outcome in each]
            as_film = replace(job.record.meta, content_type="video/h264")
            [decoded] = [replace(each, job=replace(job, record=replace(job.record, meta=as_film))) for each in outcomes]
            [sifted] = gate.sift_pictures([decoded])
            found.append(type(sifted))
            if isinstance(sifted, Decoded):
                ring.retire(sifted.ref)
            assert ring.free_slots() == ring.slot_count
    assert found == [Decoded] * (LEARN + 1) + [Passed] * 2 + [Decoded]


def test_jpegs_are_not_judged_twice(gate: MotionGate, ring: _core.Ring) -> None:
    with DecodeStage.of(DecodeOptions(threads=1, max_pixels=1 << 20)) as stage:
        outcomes = [outcome for each in stage.decode([frame(0)], taker(ring)) for outcome in each]
    assert gate.sift_pictures(outcomes) == outcomes


def test_large_pictures_have_larger_cells() -> None:
    for size in ((640, 360), (1920, 1080), (3840, 2160), (8192, 8192)):
        columns, rows = motion_gate._grid(size, (size[1], size[0], 3))
        assert columns * rows <= motion_gate.MOST_CELLS
        assert abs(columns / rows - size[0] / size[1]) < 0.1
    assert motion_gate._grid((3, 5), (5, 3, 3)) == (1, 1)
    assert motion_gate._grid((1280, 720), (45, 80, 3)) == (80, 45)
