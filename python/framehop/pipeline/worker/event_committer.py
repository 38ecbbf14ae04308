"""The commit thread's work: every completed frame's event goes into the log, and the group's offsets behind it."""

from __future__ import annotations

import logging

from framehop.decode.resume import ResumePoints
from framehop.errors import LogBusyError, LogFullError, LogUnavailableError
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.tracks import Tracks
from framehop.protocols import FrameConsumer
from framehop.types import Event

logger = logging.getLogger(__name__)

FULL_RETRY_S = 1.0


class EventCommitter:
    """Writes the batches of `in_flight`, one after the other. Used by the commit thread alone."""

    def __init__(self, consumer: FrameConsumer, in_flight: InFlight, tracks: Tracks, resume: ResumePoints) -> None:
        self._consumer, self._in_flight, self._tracks, self._resume = consumer, in_flight, tracks, resume

    def run(self) -> None:
        """Commit whatever is complete as soon as the commit before it is durable, until the worker stops. A full disk, a stopped
        process that holds the log's lock, or a missing broker suspends it until that is over."""
        with self._in_flight.failing():
            while (batch := self._in_flight.wait_batch()) is not None:
                self._commit(batch)

    def _commit(self, batch: Batch) -> None:
        """Commit one batch. If the worker stops before that is possible, our successor reads the frames again."""
        events: list[Event] | None = None  # ids are given once, however often the commit is tried
        while not self._in_flight.stopping.is_set():
            try:
                if events is None:
                    events = self._tracks.follow(batch)
                metadata = self._tracks.metadata(self._resume.metadata(batch.marks, batch.tenures), batch.tenures)
                result = self._consumer.commit(events, batch.marks, metadata, batch.tenures)
                self._tracks.committed(batch, result)
                self._in_flight.committed(batch, result)
                return
            except (LogFullError, LogBusyError, LogUnavailableError) as error:
                if not self._in_flight.stalled:
                    logger.warning("%s", error)
                self._in_flight.stalled = str(error)
                self._in_flight.stopping.wait(FULL_RETRY_S)
