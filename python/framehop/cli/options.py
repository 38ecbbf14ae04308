"""Options that several commands share, so that they are spelled and explained in one place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from framehop.config.detect_options import DEFAULT_LOG
from framehop.errors import ConfigError


def _checked_report(path: Path | None) -> Path | None:
    """Refuse an unusable path now, not after hours of work."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ConfigError(f"--report {path} cannot be written: name a file in a directory that exists")
    return path


def _checked_log(context: typer.Context, log: str) -> str:
    """Refuse an empty --log, as of a shell's variable that is not set: the default would be another log than the one meant."""
    source = context.get_parameter_source("log")
    if not log and source is not None and source.name == "COMMANDLINE":
        raise ConfigError("--log is empty: name a directory, or kafka://HOST:PORT")
    return log


def _be_verbose(count: int) -> int:
    """Set the log level. The option may stand before and after the command's name; the higher count wins."""
    logger = logging.getLogger("framehop")
    wanted = (logging.NOTSET, logging.INFO, logging.DEBUG)[min(count, 2)]
    if count and (logger.level == logging.NOTSET or wanted < logger.level):
        logger.setLevel(wanted)
    return count


Verbose = Annotated[
    int,
    typer.Option(
        "-v", "--verbose", count=True, show_default=False, callback=_be_verbose, help="Say more: -v notes, -vv details."
    ),
]
Log = Annotated[
    str,
    typer.Option(
        "--log",
        metavar="DIR|URL",
        show_default=False,
        callback=_checked_log,
        help=f"The log: a directory, or kafka://HOST:PORT, or with /PREFIX. Default: the one in --config, else {DEFAULT_LOG}.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings of the log, the streams and the detection, as YAML."),
]
StreamsConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings of the log, the streams and the detection, as YAML. SIGHUP has its streams read again.",
    ),
]
Spool = Annotated[
    str,
    typer.Option(
        "--spool",
        metavar="DIR",
        show_default=False,
        help="While Kafka is away or slow, keep the frames of live sources in DIR on this disk. Default: what --config says.",
    ),
]
SpoolMax = Annotated[
    str,
    typer.Option(
        "--spool-max",
        metavar="SIZE",
        show_default=False,
        help="The most that the spool takes, as 10GiB (default 1GiB); beyond it the oldest groups of pictures are dropped.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Pipeline = Annotated[
    str,
    typer.Option(
        "--pipeline",
        metavar="PROCESS|LANE",
        show_default=False,
        help="Which pipeline, by what framehop status shows; not needed if there is one.",
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        show_default=False,
        help="Camera (rtsp://, http://, /dev/video0), film, picture, folder, a pattern in quotes, list:FILE, pan:PICTURE or"
        " testsrc; NAME=SOURCE sets the stream id. They come on top of the streams in --config.",
    ),
]
Stream = Annotated[
    str, typer.Option("--stream", metavar="ID", help="Stream id, for a single source (default: the file's stem).")
]
Rate = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="PACE",
        help="realtime: the sources' own pace; max: as fast as it goes; or a number of pictures per second.",
    ),
]
Loop = Annotated[int, typer.Option("--loop", min=0, metavar="N", help="Passes over finite sources; 0 for ever.")]
Codec = Annotated[
    str,
    typer.Option(
        "--codec",
        metavar="auto|copy|jpeg",
        help="How films and cameras go into the log. auto: as they are where that can be, else as JPEGs; copy: as they are, or an"
        " error; jpeg: as JPEGs.",
    ),
]

Ui = Annotated[bool, typer.Option("--ui", help="Show the run in the browser, and print the address.")]
UiAddress = Annotated[
    str,
    typer.Option(
        "--ui-address",
        metavar="HOST[:PORT]",
        show_default=False,
        help="Show it at this address and not at 127.0.0.1:8642, as 0.0.0.0:8642; a token is made for it, and printed.",
    ),
]

Lane = Annotated[str, typer.Option("--lane", metavar="NAME", help="Which lane's events.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        callback=_checked_report,
        help="Write what the run came to as JSON: counters, incidents.",
    ),
]
