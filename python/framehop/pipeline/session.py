"""A running pipeline together with the events it writes: what the CLI, the front door and an embedding service share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from framehop.config import DetectOptions, fail_point
from framehop.errors import SourceError
from framehop.log import LogAt
from framehop.pipeline.control import IngestSettings
from framehop.pipeline.figures import Status, Summary
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.supervisor import Supervisor
from framehop.protocols import EventReader
from framehop.types import Event, EventRecord

POLL_S = 0.25
BATCH = 256


class Session:
    """One pipeline run on one log. Run it here with `run`, or iterate `events` while it runs in a thread of its own; once."""

    def __init__(
        self,
        log: LogAt,
        options: DetectOptions,
        *,
        ingest: IngestSettings | None = None,
        until_idle_s: float | None = None,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._log = log
        self._options = options
        self._creates = ingest is not None
        self._supervisor = Supervisor(
            log, options, ingest=ingest, until_idle_s=until_idle_s, fail_at=fail_point(), on_status=on_status
        )

    def run(self, stop: StopSignal, on_event: Callable[[EventRecord], None] | None = None) -> Summary:
        """Run to the end in this thread. `on_event` is called from another, for each event of this lane, in log order; the last
        call is over when this returns. What it raises ends the pipeline and is raised here."""
        if on_event is None:
            return self._supervisor.run(stop)
        with self._log.open(create=self._creates) as log, log.events(start="latest") as reader:
            done = threading.Event()
            failures: list[BaseException] = []

            def pump() -> None:
                try:
                    for record in self._follow(reader, done):
                        on_event(record)
                except BaseException as error:  # noqa: BLE001  handed to the thread that runs, which raises it
                    failures.append(error)
                    stop.request()

            thread = threading.Thread(target=pump, name="events")
            thread.start()
            try:
                summary = self._supervisor.run(stop)
            finally:
                done.set()
                thread.join()
            if failures:
                raise failures[0]
            return summary

    def events(self) -> Iterator[Event]:
        """Run in a thread, yield each event of this lane as it becomes durable, and end with the pipeline. Closing the iterator
        drains the pipeline; whatever ended it early is raised here, a SourceError after the last event when sources failed."""
        with (
            self._log.open(create=self._creates) as log,
            log.events(start="latest") as reader,
            StopSignal() as stop,
        ):
            done = threading.Event()
            ended: list[Summary | BaseException] = []
            thread = threading.Thread(target=self._run_aside, args=(stop, done, ended), name="supervisor")
            thread.start()
            try:
                for record in self._follow(reader, done):
                    yield record.event
            finally:
                stop.request()
                thread.join()
            _raise_what_went_wrong(ended[0])

    def _run_aside(self, stop: StopSignal, done: threading.Event, ended: list[Summary | BaseException]) -> None:
        try:
            ended.append(self._supervisor.run(stop))
        except BaseException as error:  # noqa: BLE001  handed to the iterating thread, which raises it
            ended.append(error)
        finally:
            done.set()

    def _follow(self, reader: EventReader, done: threading.Event) -> Iterator[EventRecord]:
        while True:
            last_look = done.is_set()
            records = reader.poll(BATCH, 0.0 if last_look else POLL_S)
            yield from (record for record in records if record.event.lane == self._options.lane)
            if last_look and not records:
                return


def _raise_what_went_wrong(ended: Summary | BaseException) -> None:
    if isinstance(ended, BaseException):
        raise ended
    if ended.source_errors:
        raise SourceError("; ".join(f"{stream}: {error}" for stream, error in ended.source_errors.items()))
