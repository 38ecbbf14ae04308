"""The command ingest."""

from __future__ import annotations

import msgspec
import typer

from framehop._core import arm_failpoint
from framehop.cli import ingest_report, options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.growth import Growth
from framehop.cli.hangup import reread_on_hangup
from framehop.cli.ingest_report import IngestLine
from framehop.cli.option_values import log_at, named, with_spool
from framehop.cli.output import write_json_line
from framehop.cli.sources import take_sources
from framehop.config.environment import fail_point
from framehop.pipeline.ingest.ingest import Ingest, IngestProgress
from framehop.pipeline.ingest.reporter import published
from framehop.pipeline.stop import stop_on_signals
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import Streams
from framehop.sources import DEFAULT_CODEC


def ingest(
    sources: options.Sources = None,
    log: options.Log = "",
    config: options.StreamsConfig = None,
    stream: options.Stream = "",
    rate: options.Rate = "realtime",
    loop: options.Loop = 1,
    codec: options.Codec = DEFAULT_CODEC,
    spool: options.Spool = "",
    spool_max: options.SpoolMax = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Put frames into the log: cameras, files, folders. Ends with its sources; resumes where it was interrupted."""
    roster = Roster()
    streams = Streams(roster)
    file = take_sources(streams, named(sources or [], stream), config, rate=rate, loop=loop, codec=codec)
    if point := fail_point():
        arm_failpoint(point.name, point.nth)
    at = with_spool(log_at(log, config), spool, spool_max)
    with Growth(at) as growth, at.writing() as opened, stop_on_signals() as stop, IngestLine() as line:

        def told(progress: IngestProgress) -> None:
            growth.update(progress.acked)
            line.update(progress)

        work = Ingest(opened, roster, on_progress=told, stop=stop.event)
        with published(work, streams, log=opened.url, stopping=lambda: stop.requested), reread_on_hangup(file):
            summary = work.run()
    if json:
        write_json_line(msgspec.json.encode(summary))
    else:
        ingest_report.print_summary(summary)
    end_if_interrupted(stop)
    if summary.errors:
        raise typer.Exit(1)
