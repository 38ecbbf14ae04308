"""The ingest process of `framehop run`: the sources in threads, the supervisor's channel in the main thread."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress

from framehop.pipeline import child
from framehop.pipeline.control import Beat, Channel, Drain, Finished, IngestSettings, Ready, Settings
from framehop.pipeline.ingest import IngestProgress, IngestSummary, ingest
from framehop.pipeline.pacing import parse_rate
from framehop.sources import open_sources


class _Run:
    """The ingest in a thread of its own; `done_fd` is readable once it has ended."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._opened = open_sources(settings.sources)
        self._progress = IngestProgress(streams=(), stalled="")
        self.stop = threading.Event()
        self.done_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.summary: IngestSummary | None = None
        self.failure: BaseException | None = None

    def __call__(self) -> None:
        try:
            with self._settings.log.open() as log:
                self.summary = ingest(
                    log,
                    self._opened.sources,
                    rate=parse_rate(self._settings.rate),
                    loop=self._settings.loop,
                    on_progress=self._remember,
                    stop=self.stop,
                    run_since_us=self._settings.since_us,
                    unopened=self._opened.failures,
                )
        except BaseException as error:  # noqa: BLE001  handed to the main thread, which raises it
            self.failure = error
        finally:
            os.eventfd_write(self.done_fd, 1)

    def close(self) -> None:
        """Once its thread has ended."""
        os.close(self.done_fd)

    def _remember(self, progress: IngestProgress) -> None:
        self._progress = progress

    def beat(self) -> Beat:
        progress = self._progress
        return Beat(appended=sum(stream.acked for stream in progress.streams), stalled=progress.stalled)


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, IngestSettings)
    run = _Run(settings)
    thread = threading.Thread(target=run, name="ingest")
    channel.send(Ready())
    thread.start()
    try:
        while thread.is_alive():
            channel.send(run.beat())
            _listen(channel, run)
    finally:
        run.stop.set()
        thread.join()
        run.close()
    if run.failure is not None:
        raise run.failure
    channel.send(run.beat())
    if run.summary is not None and not run.summary.stopped:
        channel.send(Finished(errors=run.summary.errors))


def _listen(channel: Channel, run: _Run) -> None:
    ready, _, _ = select.select([channel.fileno(), run.done_fd], [], [], child.BEAT_S)
    with suppress(BlockingIOError):
        os.eventfd_read(run.done_fd)
    if channel.fileno() in ready:
        messages = channel.receive()
        if messages is None:
            child.end_with_supervisor()
        if any(isinstance(message, Drain) for message in messages or ()):
            run.stop.set()


if __name__ == "__main__":
    sys.exit(child.main(body))
