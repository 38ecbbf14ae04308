"""Tests of how the intake judges a picture that was not decoded: whether it was the picture's fault."""

from __future__ import annotations

import threading
from contextlib import closing
from types import SimpleNamespace
from typing import cast

import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeJob, DecoderError
from framehop.decode.resume import ResumePoints
from framehop.pipeline.processes.settings import WorkerSettings
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.intake import Intake
from framehop.pipeline.worker.models import DetectorModels
from framehop.policies import StreamPolicies
from framehop.protocols import FrameConsumer
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameRecord, Need
from tests.logs import read, write
from tests.worker_settings import settings_of

SETTINGS = settings_of(decode_threads=4, max_pixels=1000)


class _Decoder:
    """Every picture fails with `error`."""

    threads = 4

    def __init__(self, error: str) -> None:
        self._error = error
        self.sizes: list[dict[str, object]] = []

    def decode(self, slots: list[object], pictures: list[object], **sizes: object) -> list[SimpleNamespace]:
        self.sizes.append(sizes)
        failed = SimpleNamespace(ref=None, error=self._error, message="why", source_width=0, source_height=0)
        return [failed] * len(pictures)

    def close(self) -> None: ...


class _Ring:
    slot_count = 4

    def free_slots(self) -> int:
        return 4

    def wait_acquire(self, tag: object, timeout_s: float) -> object:
        return object()


class _Consumer:
    """Gives its frames once, and ends the flight when asked again."""

    def __init__(self, records: list[FrameRecord], in_flight: InFlight) -> None:
        self._records = records
        self._in_flight = in_flight

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        records, self._records = self._records, []
        if not records:
            self._in_flight.stop()
        return records


class _FillingRing(_Ring):
    """A full ring of 24 slots, whose pictures are looked at in a thread of its own. A quarter of it is more than the decoder's
    threads take at once."""

    slot_count = 24

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        in_flight.decoded([cast(Decoded, object())] * self.slot_count)
        self._detector = threading.Thread(target=self._look_at_all)

    def free_slots(self) -> int:
        if self._detector.ident is None:
            self._detector.start()
            return 0
        return self.slot_count - self._in_flight.pictures

    def _look_at_all(self) -> None:
        for _ in range(self.slot_count):
            self._in_flight.answered()

    def close(self) -> None:
        self._detector.join()


@pytest.fixture
def records() -> list[FrameRecord]:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", 2)
        return read(consumer, 2)


def _intake(
    consumer: FrameConsumer,
    in_flight: InFlight,
    models: DetectorModels,
    settings: WorkerSettings,
    ring: _Ring | None = None,
) -> Intake:
    slots, policies = cast(_core.Ring, ring or _Ring()), StreamPolicies({})
    return Intake(consumer, slots, in_flight, models, settings, policies=policies, resume=ResumePoints(), writer="w")


def _run(records: list[FrameRecord], error: str, monkeypatch: pytest.MonkeyPatch) -> InFlight:
    monkeypatch.setattr(_core, "JpegDecoder", lambda **_options: _Decoder(error))
    in_flight, models = InFlight(), DetectorModels()
    models.known.set()
    consumer = cast(FrameConsumer, _Consumer(records, in_flight))
    _intake(consumer, in_flight, models, SETTINGS).run()
    return in_flight


@pytest.mark.parametrize("error", ["corrupt_picture", "unsupported_picture", "picture_too_large"])
def test_a_bad_picture_becomes_a_failed_event(
    records: list[FrameRecord], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _run(records, error, monkeypatch) as in_flight:
        in_flight.raise_failure()
        in_flight.stopping.clear()
        batch = in_flight.wait_batch()
    assert batch is not None
    assert [(event.outcome, event.reason) for event in batch.events] == [("failed", f"{error}: why")] * 2


@pytest.mark.parametrize("error", ["no_memory", "system", "closed"])
def test_what_is_not_the_pictures_fault_ends_the_worker_and_names_the_frame(
    records: list[FrameRecord], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _run(records, error, monkeypatch) as in_flight:
        with pytest.raises(DecoderError, match=f"{error}: why") as caught:
            in_flight.raise_failure()
        assert caught.value.key == records[0].meta.key
        assert in_flight.beat(frames_read=2, resent=0).in_flight == 2, "an outcome was made up"


class _Waiting(_Consumer):
    """Notes how many frames it is asked for, and makes the model known when it has been asked twice."""

    def __init__(self, records: list[FrameRecord], in_flight: InFlight, models: DetectorModels) -> None:
        super().__init__(records, in_flight)
        self._models = models
        self.asked: list[int] = []

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        self.asked.append(max_frames)
        if max_frames:
            return super().poll(max_frames, timeout_s)
        if len(self.asked) == 2:
            self._models.need = Need(width=30, height=20, fit="letterbox")
            self._models.known.set()
        return []


def test_no_frame_is_taken_before_the_model_is_known(
    records: list[FrameRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = _Decoder("corrupt_picture")
    monkeypatch.setattr(_core, "JpegDecoder", lambda **_options: decoder)
    with InFlight() as in_flight:
        models = DetectorModels()
        consumer = _Waiting(records, in_flight, models)
        _intake(cast(FrameConsumer, consumer), in_flight, models, SETTINGS).run()
        in_flight.raise_failure()
    assert consumer.asked == [0, 0, 4, 4]
    assert decoder.sizes == [{"min_width": 30, "min_height": 20, "fit": "letterbox"}]


def test_a_frame_outside_the_sample_is_skipped_and_never_decoded(
    records: list[FrameRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = _Decoder("corrupt_picture")
    monkeypatch.setattr(_core, "JpegDecoder", lambda **_options: decoder)
    settings = settings_of(max_pixels=1000, sample=1e-9)
    with InFlight() as in_flight:
        models = DetectorModels()
        models.known.set()
        consumer = cast(FrameConsumer, _Consumer(records, in_flight))
        _intake(consumer, in_flight, models, settings).run()
        in_flight.raise_failure()
        in_flight.stopping.clear()
        batch = in_flight.wait_batch()
    assert batch is not None
    assert [(event.outcome, event.reason, event.model) for event in batch.events] == [("skipped", "sample", None)] * 2
    assert decoder.sizes == []


def test_frames_are_taken_in_groups_when_the_ring_was_full(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms: list[int] = []
    monkeypatch.setattr(_core, "JpegDecoder", lambda **_options: _Decoder("corrupt_picture"))
    with InFlight() as in_flight, closing(_FillingRing(in_flight)) as ring:

        def poll(max_frames: int, timeout_s: float) -> list[FrameRecord]:
            rooms.append(max_frames)
            in_flight.stop()
            return []

        models, consumer = DetectorModels(), cast(FrameConsumer, SimpleNamespace(poll=poll))
        models.known.set()
        _intake(consumer, in_flight, models, SETTINGS, ring).run()
    assert rooms
    assert rooms[0] == _FillingRing.slot_count // 4


class _Losing:
    """Tells, when it is asked while the window is full, that the slot of a frame was lost."""

    def __init__(self, lost: Decoded, in_flight: InFlight) -> None:
        self._lost = lost
        self._in_flight = in_flight
        self.asked = 0

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        assert max_frames == 0
        self.asked += 1
        if self.asked == 1:
            self._in_flight.decode_again(self._lost)
        elif self.asked == 3:
            self._in_flight.stop()
        return []


def test_a_lost_frame_is_decoded_again_also_while_all_wait_for_it(
    records: list[FrameRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = _Decoder("corrupt_picture")
    monkeypatch.setattr(_core, "JpegDecoder", lambda **_options: decoder)
    monkeypatch.setattr("framehop.pipeline.worker.in_flight.WINDOW", 1)
    monkeypatch.setattr("framehop.pipeline.worker.intake.SLOT_WAIT_S", 0.001)
    job = DecodeJob(record=records[0], polled_us=0)
    with InFlight() as in_flight:
        models = DetectorModels()
        models.known.set()
        in_flight.add(records[:1])
        lost = Decoded(job=job, ref=cast(_core.SlotRef, None), size=(8, 8), decode_us=0)
        _intake(cast(FrameConsumer, _Losing(lost, in_flight)), in_flight, models, SETTINGS).run()
        in_flight.raise_failure()
    assert len(decoder.sizes) == 1
