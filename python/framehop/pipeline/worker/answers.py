"""Answers frames that no detector sees: each gets its event here, with the reason."""

from __future__ import annotations

from collections.abc import Iterable

from framehop.decode import Outcome, Passed, Refused
from framehop.pipeline.processes.settings import WorkerSettings
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.outcomes import make_event
from framehop.sources.identity import name_in, shown
from framehop.types import FrameRecord
from framehop.types import Outcome as EventOutcome


class Answers:
    """Completes frames. What is completed of a frame that is read again only for others is dropped. Used by one thread."""

    def __init__(self, in_flight: InFlight, settings: WorkerSettings, *, writer: str) -> None:
        self._in_flight = in_flight
        self._lane = settings.lane
        self._writer = writer
        self._max_attempts = settings.max_attempts
        self._suspects = {suspect.key: suspect.attempts for suspect in settings.suspects}

    def is_suspect(self, record: FrameRecord) -> bool:
        """Return whether a decoder died while it had this frame."""
        return record.meta.key in self._suspects

    def refuse(self, record: FrameRecord) -> bool:
        """Complete a frame as failed if it must not reach a decoder; return whether it was one."""
        attempts = self._suspects.get(record.meta.key, 0)
        if record.meta.error:
            self._fail(record, record.meta.error)
        elif record.payload is None:
            self._fail(record, "lost_data: the picture is damaged on the disk of the log, or gone from it")
        elif attempts >= self._max_attempts:
            self._fail(record, f"decoder_crash: the decoder died {attempts} times on this picture")
        else:
            return False
        return True

    def skip(self, record: FrameRecord, reason: str) -> None:
        """Complete a frame that nobody looks at."""
        self._complete(record, "skipped", reason)

    def answer(self, outcomes: Iterable[Outcome]) -> None:
        """Complete the frames that have no picture to look at."""
        for outcome in outcomes:
            match outcome:
                case Refused():
                    record = outcome.job.record
                    file = shown(name_in(record.meta.origin))  # set for a picture from a folder
                    self._fail(record, ": ".join(filter(None, (outcome.error, file, outcome.why))), outcome.size)
                case Passed():
                    self.skip(outcome.job.record, outcome.reason)

    def _fail(self, record: FrameRecord, reason: str, size: tuple[int, int] | None = None) -> None:
        self._complete(record, "failed", reason, size)

    def _complete(
        self, record: FrameRecord, outcome: EventOutcome, reason: str, size: tuple[int, int] | None = None
    ) -> None:
        event = make_event(record.meta, lane=self._lane, writer=self._writer, outcome=outcome, reason=reason, size=size)
        self._in_flight.complete(event, record.tenure)
