"""The commands ingest, detect and run, which do the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import typer
from rich.live import Live
from rich.text import Text

from framehop._core import arm_failpoint
from framehop.cli import ingest_report, options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.growth import Growth
from framehop.cli.hangup import reread_on_hangup
from framehop.cli.ingest_report import IngestLine
from framehop.cli.object_counts import object_count_lines
from framehop.cli.output import complain, console, note, write_json_line
from framehop.cli.page import PageBeside, PageOptions, page_options
from framehop.cli.policy_notes import BehindNote, policies_line
from framehop.config import MAX_PIXELS, DetectOptions, fail_point
from framehop.errors import ConfigError
from framehop.log import LogAt
from framehop.pipeline.ingest.ingest import Ingest, IngestProgress
from framehop.pipeline.ingest.pacing import parse_rate
from framehop.pipeline.ingest.reporter import published
from framehop.pipeline.pipeline import Pipeline
from framehop.pipeline.stop import StopSignal, stop_on_signals
from framehop.pipeline.stream_file import StreamFile
from framehop.pipeline.supervisor.roster import Roster
from framehop.pipeline.supervisor.status import Status, Summary
from framehop.pipeline.supervisor.streams import Streams
from framehop.sources import DEFAULT_CODEC, check_codec
from framehop.types import EventRecord


def ingest(
    sources: options.Sources = None,
    log: options.Log = "",
    config: options.Config = None,
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
    file = _begin(streams, options.named(sources or [], stream), config, rate=rate, loop=loop, codec=codec)
    if point := fail_point():
        arm_failpoint(point.name, point.nth)
    at = options.with_spool(options.log_at(log, config), spool, spool_max)
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


def _begin(
    streams: Streams, sources: list[str], config: Path | None, *, rate: str, loop: int, codec: str
) -> StreamFile | None:
    """Take the sources of the command line and of the configuration; return the file that may change later. Raises ConfigError when
    there is no source at all."""
    pace, kept = parse_rate(rate), check_codec(codec)
    if sources:
        streams.add(sources, rate=pace, loop=loop, codec=kept)
    file = StreamFile(config, streams) if config is not None else None
    if file is not None:
        file.apply()
    if not streams.statuses():
        raise ConfigError(
            "there is nothing to read: name a source, such as clip.mp4, or streams in the file of --config"
        )
    return file


def detect(
    log: options.Log = "",
    config: options.Config = None,
    model: options.Model = "coco-ssd",
    provider: options.Device = "auto",
    fp16: options.Fp16 = False,
    allow_fallback: options.AllowFallback = False,
    conf: options.Conf = None,
    classes: options.Classes = None,
    exclude: options.Exclude = None,
    min_size: options.MinSize = 0.0,
    tiles: options.Tiles = "",
    track: options.Tracking = None,
    policy: options.Policies = None,
    when: options.WhenToLook = None,
    lane: options.NewLane = "main",
    sample: options.Sample = 1.0,
    gpu: options.Gpus = None,
    until_idle: float = typer.Option(
        0.0, "--until-idle", min=0.0, metavar="S", help="End when nothing came for S seconds; 0: never."
    ),
    workers: options.Workers = 1,
    slots: options.Slots = 32,
    slot_mib: options.SlotMib = 4.0,
    max_batch: options.MaxBatch = 8,
    max_wait_ms: options.MaxWait = 0.0,
    lanes: options.Lanes = "auto",
    preprocess: options.Preprocessing = "auto",
    max_pixels: options.MaxPixels = MAX_PIXELS,
    report: options.Report = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Detect objects in the frames of a log: workers and a detector on this host, one durable event per frame."""
    settings = options.detect_options(
        model=model,
        provider=provider,
        fp16=fp16,
        allow_fallback=allow_fallback,
        lane=lane,
        sample=sample,
        conf=conf,
        classes=classes,
        exclude=exclude,
        min_size=min_size,
        tiles=tiles,
        track=track,
        policies=policy,
        when=when,
        config=config,
        with_streams=True,
        gpus=gpu,
        workers=workers,
        slots=slots,
        slot_mib=slot_mib,
        max_batch=max_batch,
        max_wait_ms=max_wait_ms,
        lanes=lanes,
        preprocess=preprocess,
        max_pixels=max_pixels,
    )
    _work(options.log_at(log, config), settings, None, until_idle_s=until_idle or None, report=report, json=json)


def run(
    sources: options.Sources = None,
    log: options.Log = "",
    config: options.Config = None,
    stream: options.Stream = "",
    rate: options.Rate = "realtime",
    loop: options.Loop = 1,
    codec: options.Codec = DEFAULT_CODEC,
    spool: options.Spool = "",
    spool_max: options.SpoolMax = "",
    model: options.Model = "coco-ssd",
    provider: options.Device = "auto",
    fp16: options.Fp16 = False,
    allow_fallback: options.AllowFallback = False,
    conf: options.Conf = None,
    classes: options.Classes = None,
    exclude: options.Exclude = None,
    min_size: options.MinSize = 0.0,
    tiles: options.Tiles = "",
    track: options.Tracking = None,
    policy: options.Policies = None,
    when: options.WhenToLook = None,
    lane: options.NewLane = "main",
    gpu: options.Gpus = None,
    workers: options.Workers = 1,
    slots: options.Slots = 32,
    slot_mib: options.SlotMib = 4.0,
    max_batch: options.MaxBatch = 8,
    max_wait_ms: options.MaxWait = 0.0,
    lanes: options.Lanes = "auto",
    preprocess: options.Preprocessing = "auto",
    max_pixels: options.MaxPixels = MAX_PIXELS,
    ui: options.Ui = False,
    ui_address: options.UiAddress = "",
    report: options.Report = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Ingest and detect in one command. Ends when finite sources are done and every frame has its event."""
    texts = options.named(sources or [], stream)
    page = page_options(ui=ui, address=ui_address)
    settings = options.detect_options(
        model=model,
        provider=provider,
        fp16=fp16,
        allow_fallback=allow_fallback,
        lane=lane,
        conf=conf,
        classes=classes,
        exclude=exclude,
        min_size=min_size,
        tiles=tiles,
        track=track,
        policies=policy,
        when=when,
        config=config,
        gpus=gpu,
        workers=workers,
        slots=slots,
        slot_mib=slot_mib,
        max_batch=max_batch,
        max_wait_ms=max_wait_ms,
        lanes=lanes,
        preprocess=preprocess,
        max_pixels=max_pixels,
    )

    def begin(streams: Streams) -> StreamFile | None:
        return _begin(streams, texts, config, rate=rate, loop=loop, codec=codec)

    at = options.with_spool(options.log_at(log, config), spool, spool_max)
    _work(at, settings, begin, page=page, report=report, json=json, tells_lag=rate != "max")


def _work(
    log: LogAt,
    settings: DetectOptions,
    begin: Callable[[Streams], StreamFile | None] | None,
    *,
    report: Path | None,
    json: bool,
    page: PageOptions | None = None,
    until_idle_s: float | None = None,
    tells_lag: bool = True,
) -> None:
    """Run a pipeline to its end. `begin`: gives it its sources; None where it takes none. `page`: where it is shown, if anywhere.
    `tells_lag`: whether to say how far it is behind, as everybody is behind sources that are read as fast as can be."""
    behind = BehindNote()
    with Growth(log) as growth, StatusLine() as line:

        def told(status: Status) -> None:
            growth.update(status.appended)
            if tells_lag:
                behind.update(status.behind_s)
            line.update(status)

        pipeline = Pipeline(
            log,
            options=settings,
            create=begin is not None,
            takes_sources=begin is not None,
            ends_with_sources=begin is not None,
            until_idle_s=until_idle_s,
            on_record=print_event if json else None,
            on_status=told,
            events_from_start=False,
        )
        file = begin(pipeline.streams) if begin is not None else None
        if begin is not None:
            note(policies_line(pipeline.policies, pipeline.live))
        with reread_on_hangup(file), PageBeside(log, page):
            summary, stop = run_here(pipeline)
        told(summary.status)
    if report is not None:
        report.write_bytes(msgspec.json.encode(summary))
    print_summary(summary, stopped=stop.requested)
    end_if_interrupted(stop)
    if summary.source_errors or not summary.drained:
        raise typer.Exit(1)


def run_here(pipeline: Pipeline) -> tuple[Summary, StopSignal]:
    """Run a pipeline to its end; return its summary and the stop signals received. Ctrl-C or SIGTERM drains it, a second one ends
    it at once."""
    with stop_on_signals(pipeline.request_stop) as stop, pipeline:
        pipeline.wait()
    assert pipeline.summary is not None
    return pipeline.summary, stop


def print_event(record: EventRecord) -> None:
    write_json_line(record.raw)


def print_summary(summary: Summary, *, stopped: bool = False) -> None:
    status = summary.status
    skipped = f"{status.skipped} skipped, " if status.skipped else ""
    note(
        f"{status.frames_read} frames read, {status.events} events written: "
        f"{status.detected} detected, {skipped}{status.failed} failed"
    )
    if status.failed:
        note("`framehop deadletter list`, with the same --log, says which failed and why")
    for line in object_count_lines(status.found):
        note(line)
    for incident in summary.incidents:
        how = incident.signal or f"status {incident.exit_code}"
        note(
            f"{incident.process} (start {incident.incarnation}) ended by {how}, {incident.in_flight} frames in flight; restarted"
        )
    for name, error in summary.source_errors.items():
        complain(f"{name}: {error}")
    if stopped and summary.drained:
        note("stopped: every frame that was read has its event, and the next start goes on behind them")
    elif not summary.drained:
        note("stopped before everything in flight was committed: the next start goes on there")


class StatusLine:
    """One line that follows the pipeline, on a terminal only."""

    def __init__(self) -> None:
        self._live = Live(Text("starting"), console=console, refresh_per_second=4, transient=True)
        self._shown = console.is_terminal
        self._before = (time.monotonic(), 0)
        self._rate = 0.0

    def __enter__(self) -> StatusLine:
        if self._shown:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._shown:
            self._live.stop()

    def update(self, status: Status) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        then, events = self._before
        if now - then >= 1.0:
            self._rate = (status.events - events) / (now - then)
            self._before = (now, status.events)
        text = f"{status.events} events · {self._rate:.1f}/s · {status.in_flight} in flight · {status.failed} failed"
        if status.restarts:
            text += f" · {status.restarts} restarts"
        if status.stalled:
            text += f" · {status.stalled}"
        self._live.update(Text(text))
