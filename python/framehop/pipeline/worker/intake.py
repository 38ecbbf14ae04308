"""A worker's intake thread: polls the log, refuses what cannot be a picture, has the rest decoded into ring slots."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from framehop import _core
from framehop.decode import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    DecoderError,
    DecodeStage,
    Outcome,
    Passed,
    Refused,
    Rounds,
)
from framehop.decode.resume import ResumePoints
from framehop.pipeline.control import WorkerSettings
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.models import DetectorModels
from framehop.pipeline.worker.outcomes import make_event
from framehop.pipeline.worker.skipping import Skipping
from framehop.protocols import FrameConsumer
from framehop.sources.identity import name_in, shown
from framehop.timing import Deadline, now_us
from framehop.types import FrameRecord, Partition
from framehop.types import Outcome as EventOutcome

POLL_S = 1.0
REPLAYED = "replayed"
SLOT_WAIT_S = 0.25
GATHER_S = 0.25
GATHER_LOOK_S = 0.02


class Intake:
    """The intake thread. It knows no picture formats; decoders do."""

    def __init__(
        self,
        consumer: FrameConsumer,
        ring: _core.Ring,
        in_flight: InFlight,
        models: DetectorModels,
        settings: WorkerSettings,
        *,
        resume: ResumePoints,
        writer: str,
    ) -> None:
        self._consumer = consumer
        self._ring = ring
        self._in_flight = in_flight
        self._models = models
        self._resume = resume
        self._settings = settings
        self._writer = writer
        self._decoders = DecodeStage.of(
            DecodeOptions(
                threads=settings.decode_threads, max_pixels=settings.max_pixels, video_bytes=settings.video_bytes
            )
        )
        self._skipping = Skipping(sample=settings.sample)
        self.replayed = 0  # frames read again only to decode others; read by the main thread
        self._suspects = {suspect.key: suspect.attempts for suspect in settings.suspects}

    def run(self) -> None:
        with self._in_flight.failing(), self._decoders:
            self._await_model()
            while self._in_flight.intake_open:
                for job in self._in_flight.take_again():
                    self._decode_again(job)
                self._await_window()
                self._gather_room()
                self._take(self._consumer.poll(self._room(), POLL_S))
            self.drain()
            self._hold_membership()

    def _await_model(self) -> None:
        """Take no frames before the detector's model is known: what the decoder may scale down to depends on it."""
        while self._in_flight.intake_open and not self._models.known.wait(SLOT_WAIT_S):
            self._consumer.poll(0, 0.0)

    def _await_window(self) -> None:
        """Take no frames while very many wait for their commit: skipped ones hold no slot, so the ring does not bound them. All may
        wait for one that a decoder holds back."""
        while self._in_flight.full and not self._in_flight.stopping.wait(SLOT_WAIT_S):
            self.drain()
            self._consumer.poll(0, 0.0)

    def _gather_room(self) -> None:
        """While most of the ring waits to be looked at, wait a moment for a quarter of it to be free: frames that are taken one by
        one, as slots come free, wake this thread and a decode thread each time, in the middle of somebody's inference."""
        quarter, deadline = self._ring.slot_count // 4, Deadline.after(GATHER_S)
        while self._ring.free_slots() < quarter and not deadline.expired:
            if self._in_flight.stopping.wait(GATHER_LOOK_S):
                return

    def _room(self) -> int:
        """Return how many frames to poll: as many as can be decoded at once, but one at least, which waits if the ring is full."""
        return max(1, min(self._decoders.room, self._ring.free_slots()))

    def _hold_membership(self) -> None:
        """Keep polling without taking frames while draining, so that the group does not take us for dead."""
        while not self._in_flight.stopping.wait(SLOT_WAIT_S):
            self._consumer.poll(0, 0.0)

    def _take(self, records: list[FrameRecord]) -> None:
        if not records:
            self.drain()
            return
        new = [record for record in records if not self._resume.is_replayed(record)]
        self.replayed += len(records) - len(new)
        self._in_flight.add(new)
        polled_us = now_us()
        jobs = [job for record in records if (job := self._job(record, polled_us)) is not None]
        for part in self._parts(jobs):
            self._decode(part)

    def drain(self) -> None:
        """Have the pictures that decoders hold back looked at. Called by the thread that polls."""
        self._hand_on(self._decoders.drain(self._acquire))

    def release(self, partitions: Collection[Partition], deadline: Deadline) -> None:
        """Have the pictures that decoders hold back of partitions that are given up looked at, as far as slots for them are free
        by `deadline`. Called by the thread that polls."""
        self._hand_on(self._decoders.release(partitions, lambda record: self._acquire(record, deadline)))

    def _parts(self, jobs: Sequence[DecodeJob]) -> Iterator[list[DecodeJob]]:
        """Divide the jobs, in their order, so that each suspect is alone: if the decoder dies again, it was this frame."""
        part: list[DecodeJob] = []
        for job in jobs:
            if job.record.meta.key in self._suspects:
                yield part
                yield [job]
                part = []
            else:
                part.append(job)
        yield part

    def _job(self, record: FrameRecord, polled_us: int) -> DecodeJob | None:
        """Return the work for a decoder, or complete a frame that needs none. What is completed of a replayed frame is dropped."""
        refused, inter_coded = self._refused(record), self._decoders.inter_coded(record.meta)
        self._resume.note(record, inter_coded=inter_coded and not refused)  # at a refused key frame nothing can begin
        if refused:
            return None
        unwanted = self._unwanted(record)
        if unwanted and not inter_coded:
            self._complete(record, "skipped", unwanted)
            return None
        return DecodeJob(record=record, polled_us=polled_us, unwanted=unwanted)

    def _unwanted(self, record: FrameRecord) -> str:
        """Return why nobody looks at a frame; empty if somebody does."""
        return REPLAYED if self._resume.is_replayed(record) else self._skipping.reason(record.meta.key)

    def _refused(self, record: FrameRecord) -> bool:
        """Complete a frame as failed if it must not reach a decoder; return whether it was one."""
        attempts = self._suspects.get(record.meta.key, 0)
        if record.meta.error:
            self._fail(record, record.meta.error)
        elif record.payload is None:
            self._fail(record, "lost_data: the log's checksum does not match the picture's bytes")
        elif attempts >= self._settings.max_attempts:
            self._fail(record, f"decoder_crash: the decoder died {attempts} times on this picture")
        else:
            return False
        return True

    def _fail(self, record: FrameRecord, reason: str, size: tuple[int, int] | None = None) -> None:
        self._complete(record, "failed", reason, size)

    def _complete(
        self, record: FrameRecord, outcome: EventOutcome, reason: str, size: tuple[int, int] | None = None
    ) -> None:
        event = make_event(
            record.meta, lane=self._settings.lane, writer=self._writer, outcome=outcome, reason=reason, size=size
        )
        self._in_flight.complete(event, record.tenure)

    def _decode(self, jobs: list[DecodeJob]) -> None:
        self._decoders.scale_to(self._models.min_size)
        self._hand_on(self._decoders.decode(jobs, self._acquire))

    def _decode_again(self, job: DecodeJob) -> None:
        """Decode a frame whose slot was lost. One that needs others is decoded again by our successor, from its key frame on."""
        if self._decoders.inter_coded(job.record.meta):
            raise DecoderError(job.record, "its slot was lost after it was decoded")
        self._decode([job])

    def _hand_on(self, rounds: Rounds) -> None:
        for outcomes in rounds:
            self._answer(outcomes)
            self._in_flight.decoded([outcome for outcome in outcomes if isinstance(outcome, Decoded)])

    def _answer(self, outcomes: Sequence[Outcome]) -> None:
        """Complete the frames that have no picture to look at."""
        for outcome in outcomes:
            match outcome:
                case Refused():
                    record = outcome.job.record
                    file = shown(name_in(record.meta.origin))  # set for a picture from a folder
                    self._fail(record, ": ".join(filter(None, (outcome.error, file, outcome.why))), outcome.size)
                case Passed():
                    self._complete(outcome.job.record, "skipped", outcome.reason)

    def _acquire(self, record: FrameRecord, deadline: Deadline | None = None) -> _core.Slot | None:
        """Wait for a slot; None when stopping, or at the deadline. Without one this wait is the back-pressure; the consumer's
        heartbeat goes on meanwhile."""
        key, pointer = record.meta.key, record.meta.pointer
        tag = _core.FrameTag(key.stream, key.epoch, key.seq, pointer.partition, pointer.offset)
        while not self._in_flight.stopping.is_set():
            slot = self._ring.wait_acquire(
                tag, SLOT_WAIT_S if deadline is None else min(SLOT_WAIT_S, deadline.remaining_s)
            )
            if slot is not None or (deadline is not None and deadline.expired):
                return slot
        return None
