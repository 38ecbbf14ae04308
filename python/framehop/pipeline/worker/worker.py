"""The worker process: log → decode into the ring → descriptors → boxes → events and offsets in one transaction.

It has three threads: *intake* waits for the log, *main* for the hop and the supervisor, *commit* for completed frames. They
meet in `InFlight`. The ring bounds the frames with pictures between poll and commit, `in_flight.WINDOW` all of them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from framehop import _core
from framehop.budgets import HANDOVER_FRAMES_S
from framehop.decode import Decoded, DecoderError
from framehop.decode.resume import ResumePoints, resume_offset
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat, DetectorAt, Drain, Finished, Ready, Stumbled
from framehop.pipeline.processes.settings import Settings, WorkerSettings
from framehop.pipeline.processes.source_messages import SourceTraits
from framehop.pipeline.processes.supervisor_link import SupervisorLink, unexpected
from framehop.pipeline.taps.notices import notices_path
from framehop.pipeline.worker.detector_hop import DetectorHop
from framehop.pipeline.worker.event_committer import EventCommitter
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

STALE_LIMIT = 3
DRAIN_LOOK_S = 0.05


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
        self._hop = DetectorHop(ring, settings.ring_path)
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
                    self._beside(
                        "commit", EventCommitter(consumer, self._in_flight, tracks, self._resume).run, consumer
                    ),
                    self._beside("intake", intake.run, consumer),
                ):
                    self._loop(link)
                    link.beat()
            except DecoderError as error:
                self._channel.send(Stumbled(error.key))
                raise
            finally:
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
            self._hop.send(self._taken())
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
        replies, ready = self._hop.wait(timeout_s, wakes)
        for reply in replies:
            self._answer(reply)
        self._hop.mend()
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
        self._models.follow(detector.facts, detector.model)
        self._in_flight.enough = self._models.ahead
        self._hop.turn_to(detector)

    def _answer(self, reply: _core.HopReply) -> None:
        """Complete the frame of an answer, if one waits for it."""
        frame = self._hop.take(reply)
        if frame is None:
            return
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
            frames_read=consumer.frames_read - intake.replayed, resent=self._hop.resent, behind_s=intake.behind_s
        )


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
