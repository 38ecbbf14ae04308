"""The frames between poll and commit, and the one place where a worker's threads meet."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Self

from framehop.decode import Decoded, DecodeJob
from framehop.pipeline.object_counts import ByStream, ObjectCount, add
from framehop.pipeline.processes.messages import Beat
from framehop.pipeline.wake import Wake
from framehop.pipeline.worker.commit_rule import Batch, CommitTracker
from framehop.protocols import CommitResult, Tenure
from framehop.timing import Deadline
from framehop.types import Event, FrameRecord, Partition

BATCH = 128  # events of one commit; after a crash no more than this many durable but uncommitted ones are done again
WINDOW = 8192  # frames from which on no more are polled; above the slots of the largest ring, which bounds frames with pictures
# A commit costs as much as decoding a picture. Nobody waits for the event of one frame while so many others wait to be looked at.
MANY = 16  # frames in flight
GATHER = 8  # events of a commit while there are many
GATHER_S = 0.05
# The same where as many pictures wait in the ring, each for longer than that.
QUEUED = 16
QUEUED_S = 0.2
BACKSTOP_S = 1.0  # every change is notified; if one were missed, this would bound the delay


class InFlight:
    """The frames between poll and commit. `wake` is rung for decoded frames that nothing else wakes the main
    thread for, and after a commit that leaves no frame in flight. Thread-safe."""

    def __init__(self, *, ahead: bool = False) -> None:
        """`ahead`: see CommitTracker."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._looked_at = threading.Condition(self._lock)  # apart, so that an answer wakes no commit
        self._tracker = CommitTracker(ahead=ahead)
        self._committing: frozenset[Partition] = frozenset()
        self._decoded: deque[Decoded] = deque()
        self._pictures = 0
        # Pictures that keep the detector at work: with fewer a lane may be idle, or wait to fill its batch.
        self.enough = 0
        self._wanted_below = 0  # the thread that waits for pictures to be looked at is woken once there are fewer
        self._again: deque[DecodeJob] = deque()
        self._failure: BaseException | None = None
        self._intake_open = True
        self._counts = {"events": 0, "detected": 0, "skipped": 0, "failed": 0}
        self._found: ByStream = {}
        self.stopping = threading.Event()
        self.stalled = ""
        self.wake = Wake()

    # ---- intake

    @property
    def intake_open(self) -> bool:
        return self._intake_open and not self.stopping.is_set()

    def close_intake(self) -> None:
        """Take no new frames; those in flight are finished."""
        with self._lock:
            self._intake_open = False

    @property
    def full(self) -> bool:
        with self._lock:
            return self._tracker.in_flight >= WINDOW

    def add(self, records: list[FrameRecord]) -> None:
        with self._lock:
            for record in records:
                meta = record.meta
                self._tracker.add(
                    meta.pointer.topic_partition, meta.pointer.offset, meta.key.stream, tenure=record.tenure
                )

    def begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        """Begin the tenures of partitions that came, or came back. Forget their frames of older tenures, as they are read anew."""
        with self._lock:
            for partition, tenure in tenures.items():
                self._tracker.begin(partition, tenure.number)

    def decoded(self, frames: list[Decoded]) -> None:
        """Hand pictures on to the main thread. While many have no answer, and as many as the detector can use at once, it is not
        woken for a few more: it takes them with the next answer. One will come, as these many are with the detector, or were
        handed on with a ring."""
        if not frames:
            return
        with self._lock:
            queued = self._pictures > max(MANY, self.enough)
            self._decoded.extend(frames)
            self._pictures += len(frames)
        if not queued:
            self.wake.ring()

    @property
    def pictures(self) -> int:
        """Number of decoded frames that have no answer yet."""
        with self._lock:
            return self._pictures

    def wait_pictures_below(self, count: int, timeout_s: float) -> bool:
        """Wait until fewer than `count` decoded frames have no answer; False when the time is up. One thread may wait."""
        with self._looked_at:
            self._wanted_below = count
            return self._looked_at.wait_for(lambda: self._pictures < count or self.stopping.is_set(), timeout_s)

    def take_again(self) -> list[DecodeJob]:
        """Return the frames whose slot was lost and that must be decoded anew."""
        with self._lock:
            jobs = list(self._again)
            self._again.clear()
            return jobs

    def wait_committed(self, partitions: frozenset[Partition], deadline: Deadline) -> None:
        """Wait until the frames of partitions that are handed over are committed, until `deadline` at most; drop the rest."""
        with self._changed:
            while (
                self._tracker.in_flight_of(partitions) or self._committing & partitions
            ) and not self.stopping.is_set():
                if not self._changed.wait(deadline.remaining_s):
                    break
            self._tracker.drop(partitions)

    # ---- main

    @property
    def idle(self) -> bool:
        """Whether no frame is between poll and commit."""
        with self._lock:
            return self._tracker.in_flight == 0 and not self._committing

    def take_decoded(self) -> list[Decoded]:
        self.wake.clear()
        with self._lock:
            frames = list(self._decoded)
            self._decoded.clear()
            return frames

    def answered(self) -> None:
        """Note that the detector has answered for a decoded frame, whatever it said."""
        with self._looked_at:
            self._pictures -= 1
            if self._pictures < self._wanted_below:
                self._looked_at.notify_all()

    def decode_again(self, frame: Decoded) -> None:
        with self._lock:
            self._again.append(replace(frame.job, attempts=frame.job.attempts + 1))

    def complete(self, event: Event, tenure: int) -> None:
        """Note the outcome of a frame that was read under `tenure`; drop it when the tenure has ended."""
        with self._changed:
            if self._tracker.complete(event, tenure=tenure) and (self._tracker.completed == 1 or not self._gathers):
                self._changed.notify_all()

    def beat(self, *, frames_read: int, resent: int, behind_s: float = 0.0) -> Beat:
        with self._lock:
            return Beat(
                frames_read=frames_read,
                resent=resent,
                in_flight=self._tracker.in_flight,
                stalled=self.stalled,
                behind_s=behind_s,
                found=dict(self._found),
                **self._counts,
            )

    # ---- commit

    def wait_batch(self) -> Batch | None:
        """Wait for the next completed frames, in log order per partition; None once stopping."""
        with self._changed:
            while not self.stopping.is_set():
                self._gather()
                batch = self._tracker.take(BATCH)
                if batch.events or batch.marks:
                    self._committing = frozenset(batch.marks) | {event.frame.topic_partition for event in batch.events}
                    return batch
                self._changed.wait(BACKSTOP_S)
            return None

    @property
    def _gathers(self) -> bool:
        """Whether there are events, and more should come before they are committed."""
        enough = QUEUED if self._pictures > MANY else GATHER
        return self._tracker.in_flight > MANY and 0 < self._tracker.completed < enough

    def _gather(self) -> None:
        """While many frames are in flight, wait a moment for more events, so that they share a commit."""
        deadline = Deadline.after(QUEUED_S if self._pictures > MANY else GATHER_S)
        while self._gathers and not deadline.expired and not self.stopping.is_set():
            self._changed.wait(deadline.remaining_s)

    def committed(self, batch: Batch, result: CommitResult) -> None:
        with self._changed:
            self._committing = frozenset()
            self._tracker.end({partition: batch.tenures[partition] for partition in result.lost})
            for event in batch.events:
                if event.frame.topic_partition not in result.lost:
                    self._counts["events"] += 1
                    self._counts["detected"] += event.outcome == "detected"
                    self._counts["skipped"] += event.outcome == "skipped"
                    self._counts["failed"] += event.outcome == "failed"
                    add(self._found, event.stream, ObjectCount(1, int(bool(event.objects))))
            self.stalled = ""
            self._changed.notify_all()
            idle = self._tracker.in_flight == 0
        if idle:
            self.wake.ring()

    # ---- ends

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Guard a thread's body: an error in it ends the worker, because `raise_failure` raises it in the main thread."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._failure = error
            self.stop()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self.stopping.set()
        with self._lock:
            self._changed.notify_all()
            self._looked_at.notify_all()
        self.wake.ring()

    def close(self) -> None:
        """Close `wake`, once the threads have ended. Closing twice is harmless."""
        self.wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
