"""Frames go to the decoder for their content, and one that holds pictures back is asked for them when nothing new comes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeJob, DecodeOptions, DecodeStage, Glimpse, Outcome, Refused, Rounds, TakeSlot
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameRecord, Need, Partition
from tests.logs import read, write

JPEG = _core.encode_jpeg(np.zeros((48, 64, 3), np.uint8))
OPTIONS = DecodeOptions(threads=2, max_pixels=1 << 20)


class LateDecoder:
    """Holds every picture back until the next one of its stream, or until it is drained."""

    content_types: Collection[str] = ("video/test",)
    inter_coded = True
    room = 8

    def __init__(self) -> None:
        self.held: dict[str, DecodeJob] = {}
        self.closed = False
        self.need = Need()

    def scale_to(self, need: Need) -> None:
        self.need = need

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        return None

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        late = []
        for job in jobs:
            stream = job.record.meta.key.stream
            if stream in self.held:
                late.append(self._refused(self.held[stream]))
            self.held[stream] = job
        yield late

    def _refused(self, job: DecodeJob) -> Outcome:
        return Refused(job=job, error="late", why="but it came")

    def drain(self, take_slot: TakeSlot) -> Rounds:
        late, self.held = [self._refused(job) for job in self.held.values()], {}
        yield late

    def release(self, partitions: Collection[Partition], take_slot: TakeSlot) -> Rounds:
        late = [job for job in self.held.values() if job.record.meta.pointer.topic_partition in partitions]
        yield [self._refused(self.held.pop(job.record.meta.key.stream)) for job in late]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[_core.Ring]:
    with _core.Ring.create(str(tmp_path / "ring"), slots=2, slot_bytes=1 << 16) as ring:
        yield ring


def jobs_of(*kinds: str) -> list[DecodeJob]:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", len(kinds))
        records = read(consumer, len(kinds))
    return [
        DecodeJob(
            record=replace(record, meta=replace(record.meta, content_type=kind), payload=memoryview(JPEG)), polled_us=1
        )
        for record, kind in zip(records, kinds, strict=True)
    ]


def taker(ring: _core.Ring) -> TakeSlot:
    def take(record: FrameRecord) -> _core.Slot | None:
        key = record.meta.key
        return ring.try_acquire(_core.FrameTag(key.stream, key.epoch, key.seq, 0, 0))

    return take


def all_of(rounds: Rounds) -> list[Outcome]:
    return [outcome for outcomes in rounds for outcome in outcomes]


def seqs(outcomes: list[Outcome]) -> list[int]:
    return sorted(outcome.job.record.meta.key.seq for outcome in outcomes)


def test_jpegs_are_in_the_ring_at_once(ring: _core.Ring) -> None:
    with DecodeStage.of(OPTIONS) as stage:
        found = all_of(stage.decode(jobs_of("image/jpeg", "image/jpeg"), taker(ring)))
        assert all(isinstance(outcome, Decoded) and outcome.size == (64, 48) for outcome in found)
        assert seqs(found) == [0, 1]
        assert all_of(stage.drain(taker(ring))) == []


def test_a_jpeg_is_glimpsed_at_for_an_eighth_of_its_sides(ring: _core.Ring) -> None:
    with DecodeStage.of(OPTIONS) as stage:
        [job] = jobs_of("image/jpeg")
        glimpse = stage.glimpse(job)
        assert glimpse is not None
        assert (glimpse.pixels.shape, glimpse.size) == ((6, 8, 3), (64, 48))
    assert ring.free_slots() == ring.slot_count


def test_there_is_no_glimpse_of_films_of_damaged_pictures_and_of_what_nobody_decodes() -> None:
    with DecodeStage([*DecodeStage.of(OPTIONS).decoders, LateDecoder()]) as stage:
        assert [stage.glimpse(job) for job in jobs_of("video/test", "image/x-icon")] == [None, None]
        [job] = jobs_of("image/jpeg")
        assert stage.glimpse(replace(job, record=replace(job.record, payload=memoryview(JPEG[:40])))) is None
    with DecodeStage.of(replace(OPTIONS, max_pixels=64 * 48 - 1)) as small:
        assert small.glimpse(job) is None


def test_content_without_a_decoder_is_refused_and_takes_no_slot(ring: _core.Ring) -> None:
    free = ring.free_slots()
    with DecodeStage.of(OPTIONS) as stage:
        [refused] = all_of(stage.decode(jobs_of("image/x-icon" * 20), taker(ring)))
    assert isinstance(refused, Refused)
    assert refused.error == "unsupported_content"
    assert "is not image/jpeg" in refused.why
    assert len(refused.why) < 130
    assert ring.free_slots() == free


def test_a_build_without_video_has_everything_else() -> None:
    """It is tried in a process of its own: what a module takes from the core while it is imported has to be there in each build."""
    program = """
import importlib, pkgutil
from framehop import _core
_core.VIDEO = False
for name in [name for name in vars(_core) if name.startswith("Video")]:
    delattr(_core, name)
for room in ("decode", "sinks", "sources", "pipeline"):
    package = importlib.import_module(f"framehop.{room}")
    for module in pkgutil.walk_packages(package.__path__, f"framehop.{room}."):
        importlib.import_module(module.name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_video_without_its_decoder_is_refused_with_advice(ring: _core.Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "VIDEO", False)
    with DecodeStage.of(OPTIONS) as stage:
        [refused] = all_of(stage.decode(jobs_of("video/h264;orientation=6"), taker(ring)))
    assert isinstance(refused, Refused)
    assert "framehop doctor" in refused.why


def test_each_frame_goes_to_its_own_decoder_and_late_ones_come_out(ring: _core.Ring) -> None:
    late = LateDecoder()
    with DecodeStage([*DecodeStage.of(OPTIONS).decoders, late]) as stage:
        first = all_of(stage.decode(jobs_of("video/test", "image/jpeg", "video/test"), taker(ring)))
        assert seqs(first) == [0, 1]
        assert seqs(all_of(stage.drain(taker(ring)))) == [2]
        assert all_of(stage.drain(taker(ring))) == []
    assert late.closed


def test_what_is_held_of_partitions_that_are_given_up_comes_out(ring: _core.Ring) -> None:
    [job] = jobs_of("video/test")
    partition = job.record.meta.pointer.topic_partition
    with DecodeStage([*DecodeStage.of(OPTIONS).decoders, LateDecoder()]) as stage:
        assert all_of(stage.decode([job], taker(ring))) == []
        assert all_of(stage.release({Partition(partition.topic, partition.number + 1)}, taker(ring))) == []
        assert seqs(all_of(stage.release({partition}, taker(ring)))) == [0]


def test_the_size_to_scale_down_to_may_change_between_batches(ring: _core.Ring) -> None:
    late = LateDecoder()
    with DecodeStage([*DecodeStage.of(OPTIONS).decoders, late]) as stage:
        [full] = all_of(stage.decode(jobs_of("image/jpeg"), taker(ring)))
        stage.scale_to(Need(width=16, height=12))
        [scaled] = all_of(stage.decode(jobs_of("image/jpeg"), taker(ring)))
    assert isinstance(full, Decoded)
    assert isinstance(scaled, Decoded)
    assert [(full.ref.width, full.ref.height), (scaled.ref.width, scaled.ref.height)] == [(64, 48), (16, 12)]
    assert late.need == Need(width=16, height=12)


def test_a_worker_that_stops_gets_its_slots_back(ring: _core.Ring) -> None:
    """One of two frames has a slot, and the other waits for one in vain."""
    busy = [ring.try_acquire(_core.FrameTag("other", 1, seq)) for seq in range(ring.free_slots() - 1)]
    with DecodeStage.of(OPTIONS) as stage:
        assert all_of(stage.decode(jobs_of("image/jpeg", "image/jpeg"), taker(ring))) == []
    assert ring.free_slots() == 1
    assert all(busy)


def test_more_frames_than_slots_are_decoded_as_their_pictures_are_taken(ring: _core.Ring) -> None:
    found = []
    with DecodeStage.of(OPTIONS) as stage:
        for outcomes in stage.decode(jobs_of(*["image/jpeg"] * (2 * ring.slot_count)), taker(ring)):
            for outcome in outcomes:
                assert isinstance(outcome, Decoded)
                found.append(outcome.record.meta.key.seq)
                ring.retire(outcome.ref)
    assert found == list(range(2 * ring.slot_count))


def test_an_unwanted_jpeg_is_passed_and_takes_no_slot(ring: _core.Ring) -> None:
    [job] = jobs_of("image/jpeg")
    with DecodeStage.of(OPTIONS) as stage:
        [passed] = all_of(stage.decode([replace(job, unwanted="sample")], lambda _record: None))
    assert (passed.job.record, getattr(passed, "reason", "")) == (job.record, "sample")
