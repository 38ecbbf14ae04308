"""The three verbs of the front door."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from framehop.config.detect_options import DEFAULT_LOG, DetectOptions
from framehop.errors import ConfigError
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.ingest.ingest import Ingest, IngestSummary
from framehop.pipeline.ingest.pacing import Rate
from framehop.pipeline.pipeline import Pipeline
from framehop.pipeline.run import Run, events_of, seen_of
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import Streams
from framehop.sinks.seen import Seen
from framehop.sources import DEFAULT_CODEC, Codec
from framehop.types import Event


def ingest(
    *sources: str | Path,
    log: str | Path = DEFAULT_LOG,
    rate: Rate = "realtime",
    loop: int = 1,
    codec: Codec = DEFAULT_CODEC,
    log_options: LogOptions | KafkaOptions | None = None,
) -> IngestSummary:
    """Put the frames of `sources` into `log`, and return when the sources have ended and every frame is acknowledged.

    `sources`: paths, cameras' addresses, `pan:PICTURE`, `testsrc`, each with an optional `NAME=` for its stream id. `rate`:
    `realtime`, `max`, or pictures per second. `loop`: passes over finite sources, 0 for ever. `codec`: `copy` puts films and
    cameras into the log as they are, `jpeg` encodes their pictures anew, `auto` copies what can be. `log_options`: as for
    `open_log`. A source that cannot be read is listed in the summary's `errors`, and the others are read all the same. Raises
    SourceError when no source can be read, ConfigError, LogError.
    """
    if not sources:
        raise ConfigError("nothing to ingest; name at least one source")
    roster = Roster()
    Streams(roster).add(map(str, sources), rate=rate, loop=loop, codec=codec)
    with LogAt.of(log, log_options).writing() as opened:
        return Ingest(opened, roster).run()


def detect(
    log: str | Path = DEFAULT_LOG,
    *,
    until_idle_s: float | None = None,
    options: DetectOptions | None = None,
    log_options: LogOptions | KafkaOptions | None = None,
) -> Run[Event]:
    """Detect in all frames that `log` holds or gets, and iterate the events as they become durable, by `for` or `async for`.

    Starts worker and detector processes, which end with the iterator. `until_idle_s`: end when no frame came for so many seconds;
    None goes on until the iterator is closed. Raises LogError, ModelError, OutOfMemoryError, ProcessError.
    """
    pipeline = Pipeline(
        log, options=options, log_options=log_options, create=False, takes_sources=False, until_idle_s=until_idle_s
    )
    return events_of(pipeline)


@overload
def run(
    *sources: str | Path,
    log: str | Path = DEFAULT_LOG,
    rate: Rate = "realtime",
    loop: int = 1,
    codec: Codec = DEFAULT_CODEC,
    options: DetectOptions | None = None,
    log_options: LogOptions | KafkaOptions | None = None,
    pictures: Literal[False] = False,
) -> Run[Event]: ...
@overload
def run(
    *sources: str | Path,
    log: str | Path = DEFAULT_LOG,
    rate: Rate = "realtime",
    loop: int = 1,
    codec: Codec = DEFAULT_CODEC,
    options: DetectOptions | None = None,
    log_options: LogOptions | KafkaOptions | None = None,
    pictures: Literal[True],
) -> Run[Seen]: ...
def run(
    *sources: str | Path,
    log: str | Path = DEFAULT_LOG,
    rate: Rate = "realtime",
    loop: int = 1,
    codec: Codec = DEFAULT_CODEC,
    options: DetectOptions | None = None,
    log_options: LogOptions | KafkaOptions | None = None,
    pictures: bool = False,
) -> Run[Event] | Run[Seen]:
    """Ingest and detect in one call: iterate the events, by `for` or `async for`, until finite sources are done and every frame has
    its event. Frames that an earlier run left in the log without an event are detected too.

    `sources`, `rate`, `loop`, `codec` and `log_options`: as for `ingest`. `log`: a directory, made if it is not there, or
    `kafka://HOST:PORT`. `options`: what is detected and how, as in `DetectOptions(model="best.onnx", conf=0.4)`.
    `pictures`: iterate `(event, picture)` instead, each frame in the order of the log, as `live` does with `newest=False`.

    When a source fails the others go on, and a SourceError is raised after the last event. Raises ConfigError or SourceError at
    once if the run cannot be started, and while iterating what `detect` raises.
    """
    if not sources:
        raise ConfigError("run needs at least one source, such as clip.mp4")
    pipeline = Pipeline(log, options=options, log_options=log_options, ends_with_sources=True)
    pipeline.add_all(*map(str, sources), rate=rate, loop=loop, codec=codec)
    return seen_of(pipeline, LogAt.of(log, log_options)) if pictures else events_of(pipeline)
