"""The commands detect and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from framehop.cli import detecting, options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.growth import Growth
from framehop.cli.hangup import reread_on_hangup
from framehop.cli.option_values import detect_options, log_at, named, with_spool
from framehop.cli.output import note
from framehop.cli.page import PageBeside, PageOptions, page_options
from framehop.cli.policy_notes import BehindNote, policies_line
from framehop.cli.run_report import ReadyNote, StatusLine, print_event, print_summary, write_report
from framehop.cli.sources import take_sources
from framehop.config.detect_options import MAX_PIXELS, DetectOptions
from framehop.log import LogAt
from framehop.pipeline.pipeline import Pipeline
from framehop.pipeline.stop import StopSignal, stop_on_signals
from framehop.pipeline.streams.stream_file import StreamFile
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.status import Status, Summary
from framehop.sources import DEFAULT_CODEC


def detect(
    log: options.Log = "",
    config: options.Config = None,
    model: detecting.Model = "coco-ssd",
    provider: detecting.Device = "auto",
    fp16: detecting.Fp16 = False,
    allow_fallback: detecting.AllowFallback = False,
    conf: detecting.Conf = None,
    classes: detecting.Classes = None,
    exclude: detecting.Exclude = None,
    min_size: detecting.MinSize = 0.0,
    tiles: detecting.Tiles = "",
    track: detecting.Tracking = None,
    policy: detecting.Policies = None,
    when: detecting.WhenToLook = None,
    lane: detecting.NewLane = "main",
    sample: detecting.Sample = 1.0,
    gpu: detecting.Gpus = None,
    until_idle: float = typer.Option(
        0.0, "--until-idle", min=0.0, metavar="S", help="End when nothing came for S seconds; 0: never."
    ),
    workers: detecting.Workers = 1,
    slots: detecting.Slots = 32,
    slot_mib: detecting.SlotMib = 4.0,
    max_batch: detecting.MaxBatch = 8,
    max_wait_ms: detecting.MaxWait = 0.0,
    lanes: detecting.Lanes = "auto",
    preprocess: detecting.Preprocessing = "auto",
    max_pixels: detecting.MaxPixels = MAX_PIXELS,
    report: options.Report = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Detect objects in the frames of a log: workers and a detector on this host, one durable event per frame."""
    settings = detect_options(
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
    _work(log_at(log, config), settings, None, until_idle_s=until_idle or None, report=report, json=json)


def run(
    sources: options.Sources = None,
    log: options.Log = "",
    config: options.StreamsConfig = None,
    stream: options.Stream = "",
    rate: options.Rate = "realtime",
    loop: options.Loop = 1,
    codec: options.Codec = DEFAULT_CODEC,
    spool: options.Spool = "",
    spool_max: options.SpoolMax = "",
    model: detecting.Model = "coco-ssd",
    provider: detecting.Device = "auto",
    fp16: detecting.Fp16 = False,
    allow_fallback: detecting.AllowFallback = False,
    conf: detecting.Conf = None,
    classes: detecting.Classes = None,
    exclude: detecting.Exclude = None,
    min_size: detecting.MinSize = 0.0,
    tiles: detecting.Tiles = "",
    track: detecting.Tracking = None,
    policy: detecting.Policies = None,
    when: detecting.WhenToLook = None,
    lane: detecting.NewLane = "main",
    gpu: detecting.Gpus = None,
    workers: detecting.Workers = 1,
    slots: detecting.Slots = 32,
    slot_mib: detecting.SlotMib = 4.0,
    max_batch: detecting.MaxBatch = 8,
    max_wait_ms: detecting.MaxWait = 0.0,
    lanes: detecting.Lanes = "auto",
    preprocess: detecting.Preprocessing = "auto",
    max_pixels: detecting.MaxPixels = MAX_PIXELS,
    ui: options.Ui = False,
    ui_address: options.UiAddress = "",
    report: options.Report = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Ingest and detect in one command. Ends when finite sources are done and every frame has its event."""
    texts = named(sources or [], stream)
    page = page_options(ui=ui, address=ui_address)
    settings = detect_options(
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
        return take_sources(streams, texts, config, rate=rate, loop=loop, codec=codec)

    at = with_spool(log_at(log, config), spool, spool_max)
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
    ready = ReadyNote(f"ready: {settings.model} looks at the frames of {log.url}") if begin is None else None
    with Growth(log) as growth, StatusLine() as line:

        def told(status: Status) -> None:
            growth.update(status.appended)
            if ready is not None:
                ready.update(pipeline.status().ready)
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
    print_summary(summary, stopped=stop.requested)
    if report is not None:
        write_report(report, summary)
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
