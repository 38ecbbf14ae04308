"""The worker process: log → decode into the ring → descriptors → boxes → events and offsets in one transaction.

It has three threads: *intake* waits for the log, *main* for the hop and the supervisor, *commit* for completed frames. They
meet in `InFlight`. The ring bounds the frames with pictures between poll and commit, `in_flight.WINDOW` all of them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from framehop import _core
from framehop.budgets import HANDOVER_FRAMES_S
from framehop.decode import Decoded, DecoderError
from framehop.decode.resume import ResumePoints, resume_offset
from framehop.errors import LogBusyError, LogFullError, LogUnavailableError
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat, DetectorAt, Drain, Finished, Ready, Stumbled
from framehop.pipeline.processes.settings import Settings, WorkerSettings
from framehop.pipeline.processes.source_messages import SourceTraits
from framehop.pipeline.processes.supervisor_link import SupervisorLink, unexpected
from framehop.pipeline.taps.notices import notices_path
from framehop.pipeline.wake import readable
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.intake import Intake
from framehop.pipeline.worker.models import DetectorModels
from framehop.pipeline.worker.notice_board import NoticeBoard
from framehop.pipeline.worker.outcomes import make_event, objects_of, stage_times
from framehop.pipeline.worker.tracks import Tracks
from framehop.policies import StreamPolicies
from framehop.protocols import FrameConsumer, Tenure
from framehop.timing import Deadline, now_us
from framehop.tracked import TrackedStreams
from framehop.types import DetectedObject, Event, Partition

if TYPE_CHECKING:
    from framehop.pipeline.worker.object_filter import ObjectFilter

logger = logging.getLogger(__name__)

FULL_RETRY_S = 1.0
STALE_LIMIT = 3
DRAIN_LOOK_S = 0.05
RECONNECT_S = 0.5  # between two connections to the same detector


class Worker:
    """One worker's main thread. `run` returns when the supervisor has asked to drain and everything is committed, or the time for
    the drain is up. Borrows the ring, the frames in flight and the notices."""

    def __init__(
        self,
        channel: Channel,
        settings: WorkerSettings,
        ring: _core.Ring,
        in_flight: InFlight,
        notices: NoticeBoard,
    ) -> None:
        self._channel = channel
        self._notices = notices
        self._settings = settings
        self._writer = f"{settings.name}/{socket.gethostname()}/{os.getpid()}"
        self._in_flight = in_flight
        self._models = DetectorModels()
        self._filter = _filter_of(settings)
        self._policies = StreamPolicies(settings.policies)
        self._tracked = TrackedStreams(settings.track)
        for traits in settings.traits:
            self._note(traits)
        self._resume = ResumePoints()
        self._tracks: Tracks | None = None
        self._intake: Intake | None = None
        self._ring = ring
        self._hop: _core.HopClient | None = None
        self._detector: DetectorAt | None = None
        self._rest = Deadline.after(0.0)
        self._sent: dict[tuple[int, int], Decoded] = {}
        self._unsent: deque[Decoded] = deque()
        self._resent = 0
        self._draining: Deadline | None = None
        self._was_busy = True

    def run(self) -> None:
        settings = self._settings
        with (
            settings.log.open(create=False) as log,
            log.consumer(
                settings.group,
                member=settings.name,
                start=settings.start,
                begin_at=lambda partition, tenure: resume_offset(partition, tenure, log.look_back),
                on_assign=self._begin,
                on_revoke=self._revoked,
            ) as consumer,
        ):
            self._tracks = tracks = Tracks(log, settings.lane, self._tracked)
            self._intake = intake = Intake(
                consumer,
                self._ring,
                self._in_flight,
                self._models,
                settings,
                policies=self._policies,
                resume=self._resume,
                writer=self._writer,
            )
            link = SupervisorLink(self._channel, lambda: self._counters(consumer, intake))
            self._channel.send(Ready())
            try:
                with (
                    self._beside("commit", lambda: self._commit_loop(consumer, tracks), consumer),
                    self._beside("intake", intake.run, consumer),
                ):
                    self._loop(link)
                    link.beat()
            except DecoderError as error:
                self._channel.send(Stumbled(error.key))
                raise
            finally:
                if self._hop is not None:
                    self._hop.close()

    def _begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        self._resume.begin(tenures)
        self._in_flight.begin(tenures)
        if self._tracks is not None:
            self._tracks.begin(tenures)
        if self._intake is not None:
            self._intake.begin(tenures)

    def _revoked(self, partitions: frozenset[Partition]) -> None:
        """Finish the frames of partitions that go to another worker, those too that a decoder holds back, as far as time allows."""
        deadline = Deadline.after(HANDOVER_FRAMES_S)
        if self._intake is not None:
            self._intake.hand_over(partitions, deadline)
        self._in_flight.wait_committed(partitions, deadline)

    @contextlib.contextmanager
    def _beside(self, name: str, work: Callable[[], None], consumer: FrameConsumer) -> Iterator[None]:
        """Run `work` in a thread of its own while inside. When one thread ends, all end."""
        thread = threading.Thread(target=work, name=name)
        thread.start()
        try:
            yield
        finally:
            self._in_flight.stop()
            consumer.wake()
            thread.join()

    def _loop(self, link: SupervisorLink) -> None:
        while not self._done():
            self._in_flight.raise_failure()
            self._wait(link)
            self._unsent.extend(self._taken())
            self._send()
            self._beat(link)

    def _taken(self) -> list[Decoded]:
        frames = self._in_flight.take_decoded()
        if frames:
            self._notices.shown(frames)
        return frames

    def _done(self) -> bool:
        if self._draining is None:
            return False
        self._in_flight.close_intake()
        return self._in_flight.idle or self._draining.expired

    def _wait(self, link: SupervisorLink) -> None:
        """Wait for answers, decoded frames or the supervisor, at most until the next beat."""
        timeout_s = link.due_s if self._draining is None else min(link.due_s, DRAIN_LOOK_S)
        wakes = [self._in_flight.wake.fileno(), link.fileno()]
        if self._hop is None:
            ready = readable(wakes, timeout_s)
        else:
            if self._hop.lost:
                timeout_s = min(timeout_s, self._rest.remaining_s)
            replies, woken = self._hop.poll(timeout_s, wakes)
            ready = set(woken)
            for reply in replies:
                self._answer(reply)
            if self._hop.lost and self._detector is not None and self._rest.expired:
                self._connect(self._detector)
        if link.fileno() in ready:
            self._listen(link)

    def _listen(self, link: SupervisorLink) -> None:
        newest: DetectorAt | None = None  # the files of a detector before it may be gone
        for message in link.heard():
            match message:
                case DetectorAt():
                    newest = message
                case SourceTraits():
                    self._note(message)
                case Drain():
                    self._draining = self._draining or Deadline.after(self._settings.drain_s)
                case _:
                    raise unexpected(message)
        if newest is not None:
            self._turn_to(newest)

    def _note(self, traits: SourceTraits) -> None:
        self._policies.note(traits.stream, live=traits.live, policy=traits.policy)
        self._tracked.note(traits.stream, traits.track)

    def _turn_to(self, detector: DetectorAt) -> None:
        before, self._detector = self._detector, detector
        self._models.follow(detector.facts, detector.model)
        self._in_flight.enough = self._models.ahead
        if before is None or before.address != detector.address:
            self._connect(detector)

    def _connect(self, detector: DetectorAt) -> None:
        """Connect to a detector and queue all unanswered frames for it, from their slots, oldest first.

        It may be the same detector as before: one that was stopped for seconds loses its connections, and later goes on; one that
        cannot attach our ring at the moment ends them.
        """
        if self._hop is not None:
            self._hop.close()
        self._rest = Deadline.after(RECONNECT_S)
        self._hop = _core.HopClient(detector.address, ring_path=self._settings.ring_path, ring_id=self._ring.ring_id)
        self._resent += len(self._sent)
        self._unsent.extendleft(reversed(self._sent.values()))
        self._sent.clear()

    def _send(self) -> None:
        """Send as many descriptors as the detector has credit for, in one message."""
        if self._hop is None or not self._unsent:
            return
        room = self._hop.credits - len(self._sent)
        frames = [self._unsent[i] for i in range(min(room, len(self._unsent)))]
        if not frames:
            return
        _core.failpoint("decode.done")
        if self._hop.send([frame.ref for frame in frames], [frame.size for frame in frames]):
            for frame in frames:
                self._unsent.popleft()
                self._sent[frame.ref.slot, frame.ref.generation] = frame
            _core.failpoint("hop.sent")

    def _answer(self, reply: _core.HopReply) -> None:
        """Complete the frame of an answer. An answer that came late or twice has no frame waiting, and is ignored."""
        frame = self._sent.pop((reply.slot, reply.generation), None)
        if frame is None:
            return
        self._ring.retire(frame.ref)
        self._in_flight.answered()
        if reply.status == "stale" and frame.job.attempts < STALE_LIMIT:
            self._in_flight.decode_again(frame)
            return
        event = self._event(frame, reply)
        self._notices.known(event)
        self._in_flight.complete(event, frame.record.tenure)

    def _event(self, frame: Decoded, reply: _core.HopReply) -> Event:
        meta, ok = frame.record.meta, reply.status == "ok"
        facts = self._models.of(reply.model) if ok or reply.model else None
        return make_event(
            meta,
            lane=self._settings.lane,
            writer=self._writer,
            outcome="detected" if ok else "failed",
            reason="" if ok else reply.message or f"detector: {reply.status}",
            model=facts.model if facts else None,
            objects=self._objects(frame, reply, facts.labels) if ok and facts else [],
            stages_ms=stage_times(meta, frame, now_us(), reply),
            size=frame.size,
        )

    def _objects(self, frame: Decoded, reply: _core.HopReply, labels: dict[int, str]) -> list[DetectedObject]:
        found = objects_of(reply, labels)
        return self._filter.keep(frame.record.meta.key.stream, frame.size, found) if self._filter else found

    def _beat(self, link: SupervisorLink) -> None:
        """Send a beat once a second, and at once when the last frame in flight was committed."""
        busy = not self._in_flight.idle
        if link.due_s and (busy or not self._was_busy):
            return
        self._was_busy = busy
        link.beat()

    def _counters(self, consumer: FrameConsumer, intake: Intake) -> Beat:
        return self._in_flight.beat(
            frames_read=consumer.frames_read - intake.replayed, resent=self._resent, behind_s=intake.behind_s
        )

    def _commit_loop(self, consumer: FrameConsumer, tracks: Tracks) -> None:
        """Commit whatever is complete as soon as the commit before it is durable. A full disk, a stopped process that holds
        the log's lock, or a missing broker suspends it until that is over."""
        with self._in_flight.failing():
            while (batch := self._in_flight.wait_batch()) is not None:
                self._commit(consumer, tracks, batch)

    def _commit(self, consumer: FrameConsumer, tracks: Tracks, batch: Batch) -> None:
        """Commit one batch. If the worker stops before that is possible, our successor reads the frames again."""
        events: list[Event] | None = None  # ids are given once, however often the commit is tried
        while not self._in_flight.stopping.is_set():
            try:
                if events is None:
                    events = tracks.follow(batch)
                metadata = tracks.metadata(self._resume.metadata(batch.marks, batch.tenures), batch.tenures)
                result = consumer.commit(events, batch.marks, metadata, batch.tenures)
                tracks.committed(batch, result)
                self._in_flight.committed(batch, result)
                return
            except (LogFullError, LogBusyError, LogUnavailableError) as error:
                if not self._in_flight.stalled:
                    logger.warning("%s", error)
                self._in_flight.stalled = str(error)
                self._in_flight.stopping.wait(FULL_RETRY_S)


def _filter_of(settings: WorkerSettings) -> ObjectFilter | None:
    """Return what drops objects; None where none are dropped, and NumPy is not loaded for nothing."""
    if not settings.regions and settings.min_size_px <= 0:
        return None
    from framehop.pipeline.worker.object_filter import ObjectFilter

    return ObjectFilter(settings.regions, min_size_px=settings.min_size_px)


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, WorkerSettings)
    ahead = settings.log.doubles_events
    with (
        _core.Ring.attach(settings.ring_path) as ring,
        InFlight(ahead=ahead) as in_flight,
        NoticeBoard(notices_path(settings.ring_path)) as notices,
    ):
        Worker(channel, settings, ring, in_flight, notices).run()
    channel.send(Finished())


if __name__ == "__main__":
    sys.exit(child.main(body))
