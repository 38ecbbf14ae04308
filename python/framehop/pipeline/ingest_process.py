"""The ingest process of `framehop run`: the sources in threads, the supervisor's channel in the main thread."""

from __future__ import annotations

import select
import sys
import threading

from framehop.log import open_log
from framehop.pipeline import child
from framehop.pipeline.control import Beat, Channel, Drain, Finished, IngestSettings, Ready, Settings
from framehop.pipeline.ingest import IngestProgress, IngestSummary, ingest, parse_rate
from framehop.sources import parse_sources

BEAT_S = 1.0


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, IngestSettings)
    run = _Run(settings)
    thread = threading.Thread(target=run, name="ingest")
    channel.send(Ready())
    thread.start()
    try:
        while thread.is_alive():
            channel.send(run.beat())
            _listen(channel, run, BEAT_S)
    finally:
        run.stop.set()
        thread.join()
    if run.failure is not None:
        raise run.failure
    channel.send(run.beat())
    if run.summary is not None:
        channel.send(Finished(errors=run.summary.errors))


def _listen(channel: Channel, run: _Run, timeout_s: float) -> None:
    ready, _, _ = select.select([channel, run.done_fd], [], [], timeout_s)
    if channel in ready:
        messages = channel.receive()
        if messages is None:
            child.end_with_supervisor()
        if any(isinstance(message, Drain) for message in messages or ()):
            run.stop.set()
