"""A worker's intake thread: polls the log, refuses what cannot be a picture, has the rest decoded into ring slots.

Where every frame is looked at, frames are polled when there are slots for them, so that the log keeps those that wait. Where a
policy skips frames for newer ones or for their age, all frames are polled as they come, and wait in the `WaitingRoom`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from framehop import _core
from framehop.decode import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    DecoderError,
    DecodeStage,
    Rounds,
)
from framehop.decode.resume import ResumePoints
from framehop.pipeline.processes.settings import WorkerSettings
from framehop.pipeline.worker.answers import Answers
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.models import DetectorModels
from framehop.pipeline.worker.skipping import Skipping
from framehop.pipeline.worker.waiting import WaitingRoom
from framehop.policies import StreamPolicies
from framehop.protocols import FrameConsumer, Tenure
from framehop.timing import Deadline, now_us
from framehop.types import FrameRecord, Partition

if TYPE_CHECKING:
    from framehop.pipeline.worker.motion_gate import MotionGate

POLL_S = 1.0
REPLAYED = "replayed"
SLOT_WAIT_S = 0.25
ROOM_S = 0.25  # the longest wait for room; slots that a tap or a dead detector holds may never come free
READ_AT_ONCE = 256  # frames of one poll where they wait in the worker
LOOK_S = 0.05  # while frames wait for the detector, the log is asked this often for newer ones


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
        policies: StreamPolicies,
        resume: ResumePoints,
        writer: str,
    ) -> None:
        self._consumer = consumer
        self._ring = ring
        self._in_flight = in_flight
        self._models = models
        self._resume = resume
        self._answers = Answers(in_flight, settings, writer=writer)
        self._decoders = DecodeStage.of(
            DecodeOptions(
                threads=settings.decode_threads, max_pixels=settings.max_pixels, video_bytes=settings.video_bytes
            )
        )
        self._policies = policies
        self._skipping = Skipping(policies, sample=settings.sample)
        self._waiting = WaitingRoom(policies, self._decoders.inter_coded)
        self._motion = self._gate_of(settings)
        self.replayed = 0  # frames read again only to decode others; read by the main thread, as `behind_s` is
        self.behind_s = 0.0  # see Beat

    def _gate_of(self, settings: WorkerSettings) -> MotionGate | None:
        if settings.when != "motion":
            return None
        from framehop.pipeline.worker.motion_gate import MotionGate  # loads NumPy

        return MotionGate(settings.motion, self._ring, self._decoders)

    def run(self) -> None:
        with self._in_flight.failing(), ExitStack() as opened:
            opened.enter_context(self._decoders)
            if self._motion is not None:
                opened.enter_context(closing(self._motion))
            self._await_model()
            while self._in_flight.intake_open:
                self._decode_lost()
                self._step()
            self._finish()
            self._hold_membership()

    def _step(self) -> None:
        """Poll frames and do what is to be done with them."""
        if self._waiting.is_empty:
            self._await_window()
        if self._in_flight.stopping.is_set():
            return
        if self._policies.waits or not self._waiting.is_empty:
            self._take_turns()
        else:
            self._gather_room()
            self._take(self._consumer.poll(self._room(), POLL_S))

    def _take_turns(self) -> None:
        """Let frames wait in the worker. Those that a lane will look at soon are decoded; a newer frame may come before that."""
        busy = not self._waiting.is_empty
        if busy:
            self._in_flight.wait_pictures_below(self._models.ahead, LOOK_S)
        full = self._in_flight.full or self._waiting.is_full
        records = self._consumer.poll(0 if full else READ_AT_ONCE, 0.0 if busy else POLL_S)
        for job in self._jobs(records):
            self._answers.answer(self._waiting.put(job))
        lanes, room = self._models.ahead - self._in_flight.pictures, self._decoders.room
        self._work_off(min(lanes, room), crowded=lanes <= room)
        if not (records or busy):
            self._behind(())
            self.drain()

    def _work_off(
        self,
        pictures: int,
        only: frozenset[Partition] | None = None,
        deadline: Deadline | None = None,
        *,
        crowded: bool = False,
    ) -> None:
        """Decode frames whose turn it is, so that the lanes have `pictures` more to look at, and skip those that are too old.
        `crowded`: see `WaitingRoom.turn`."""
        begun_us = now_us()
        turn = self._waiting.turn(pictures, begun_us, only, crowded=crowded)
        self._answers.answer(turn.passed)
        if turn.jobs:
            self._behind([job.record for job in turn.jobs])
        for part in self._parts([replace(job, polled_us=begun_us) for job in turn.jobs]):
            self._decode(part, deadline)

    def _finish(self) -> None:
        """Have the frames that were taken looked at."""
        while not self._waiting.is_empty and not self._in_flight.stopping.is_set():
            self._work_off(self._decoders.room)
        self.drain()

    def begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        """Begin the tenures of partitions that came, or came back. Called by the thread that polls, as `hand_over` is."""
        self._waiting.begin(tenures)

    def hand_over(self, partitions: frozenset[Partition], deadline: Deadline) -> None:
        """Have the frames looked at that wait of partitions that go to another worker, or that a decoder holds back. What is not
        done in half of the time is left to the next worker: the rest is for their answers."""
        half = Deadline.after(deadline.remaining_s / 2)
        while self._waiting.holds(partitions) and not (half.expired or self._in_flight.stopping.is_set()):
            self._work_off(self._decoders.room, partitions, half)
        self._waiting.forget(partitions)
        self._hand_on(self._decoders.release(partitions, partial(self._acquire, deadline=half)))

    def _await_model(self) -> None:
        """Take no frames before the detector's model is known: what the decoder may scale down to depends on it."""
        while self._in_flight.intake_open and not self._models.known.wait(SLOT_WAIT_S):
            self._consumer.poll(0, 0.0)

    def _await_window(self) -> None:
        """Take no frames while very many wait for their commit: skipped ones hold no slot, so the ring does not bound them. All may
        wait for one that a decoder holds back, or whose slot was lost."""
        while self._in_flight.full and not self._in_flight.stopping.wait(SLOT_WAIT_S):
            self._decode_lost()
            self.drain()
            self._consumer.poll(0, 0.0)

    def _gather_room(self) -> None:
        """While most of the ring waits to be looked at, wait a moment for a quarter of it to be free: frames that are taken one by
        one, as slots come free, wake this thread and a decode thread each time, in the middle of somebody's inference."""
        if self._ring.free_slots() < self._quarter:
            self._in_flight.wait_pictures_below(self._ring.slot_count - self._quarter + 1, ROOM_S)

    def _room(self) -> int:
        """Return how many frames to poll: those of the room that was gathered, since a poll costs as much for one frame as for
        many; one at least, which waits if the ring is full."""
        return max(1, min(max(self._decoders.room, self._quarter), self._ring.free_slots()))

    @property
    def _quarter(self) -> int:
        return self._ring.slot_count // 4

    def _hold_membership(self) -> None:
        """Keep polling without taking frames while draining, so that the group does not take us for dead."""
        while not self._in_flight.stopping.wait(SLOT_WAIT_S):
            self._consumer.poll(0, 0.0)

    def _take(self, records: list[FrameRecord]) -> None:
        self._behind(records)
        if not records:
            self.drain()
            return
        for part in self._parts(self._jobs(records)):
            self._decode(part)

    def _jobs(self, records: list[FrameRecord]) -> list[DecodeJob]:
        """Return the work that polled frames make for decoders; complete those that make none."""
        new = [record for record in records if not self._resume.is_replayed(record)]
        self.replayed += len(records) - len(new)
        self._in_flight.add(new)
        polled_us = now_us()
        return [job for record in records if (job := self._job(record, polled_us)) is not None]

    def _behind(self, records: Sequence[FrameRecord]) -> None:
        """Note how old the newest of these frames is, of streams in which nothing is skipped for being late; none when no frame
        came. Frames that are only read again say nothing: they have their events."""
        received = [
            r.meta.received_us
            for r in records
            if not self._policies.of(r.meta.key.stream).waits and not self._resume.is_replayed(r)
        ]
        if received or not records:
            self.behind_s = max(0.0, (now_us() - received[-1]) / 1e6) if received else 0.0

    def drain(self) -> None:
        """Have the pictures that decoders hold back looked at. Called by the thread that polls."""
        self._hand_on(self._decoders.drain(self._acquire))

    def _parts(self, jobs: Sequence[DecodeJob]) -> Iterator[list[DecodeJob]]:
        """Divide the jobs, in their order, so that each suspect is alone: if the decoder dies again, it was this frame."""
        part: list[DecodeJob] = []
        for job in jobs:
            if self._answers.is_suspect(job.record):
                yield part
                yield [job]
                part = []
            else:
                part.append(job)
        yield part

    def _job(self, record: FrameRecord, polled_us: int) -> DecodeJob | None:
        """Return the work for a decoder, or complete a frame that needs none. What is completed of a replayed frame is dropped."""
        refused, inter_coded = self._answers.refuse(record), self._decoders.inter_coded(record.meta)
        self._resume.note(record, inter_coded=inter_coded and not refused)  # at a refused key frame nothing can begin
        if refused:
            return None
        unwanted = self._unwanted(record)
        if unwanted and not inter_coded:
            self._answers.skip(record, unwanted)
            return None
        alone = inter_coded and self._skipping.needs_nothing(record)
        return DecodeJob(record=record, polled_us=polled_us, unwanted=unwanted, alone=alone)

    def _unwanted(self, record: FrameRecord) -> str:
        """Return why nobody looks at a frame; empty if somebody does."""
        reason = self._skipping.reason(record)
        return REPLAYED if self._resume.is_replayed(record) else reason

    def _decode(self, jobs: list[DecodeJob], deadline: Deadline | None = None) -> None:
        acquire = partial(self._acquire, deadline=deadline)
        self._decoders.scale_to(self._models.need)
        if self._motion is not None:
            jobs, passed = self._motion.sift_jobs(jobs, acquire)
            self._answers.answer(passed)
        self._hand_on(self._decoders.decode(jobs, acquire))

    def _decode_lost(self) -> None:
        for job in self._in_flight.take_again():
            self._decode_again(job)

    def _decode_again(self, job: DecodeJob) -> None:
        """Decode a frame whose slot was lost. One that needs others is decoded again by our successor, from its key frame on."""
        if self._decoders.inter_coded(job.record.meta):
            raise DecoderError(job.record, "its slot was lost after it was decoded")
        self._decoders.scale_to(self._models.need)
        self._hand_on(self._decoders.decode([job], self._acquire))

    def _hand_on(self, rounds: Rounds) -> None:
        for found in rounds:
            outcomes = found if self._motion is None else self._motion.sift_pictures(found)
            self._answers.answer(outcomes)
            self._in_flight.decoded([outcome for outcome in outcomes if isinstance(outcome, Decoded)])

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
