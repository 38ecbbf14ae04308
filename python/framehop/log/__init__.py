"""The log: where frames and events are kept. `open_log` is the door."""

from __future__ import annotations

from pathlib import Path

import apsw

from framehop.log.embedded.embedded_log import EmbeddedLog
from framehop.log.embedded.options import LogOptions
from framehop.log.kafka.options import KafkaOptions, KafkaSecurity
from framehop.log.location import LogAt
from framehop.protocols import FrameLog

__all__ = [
    "EmbeddedLog",
    "KafkaOptions",
    "KafkaSecurity",
    "LogAt",
    "LogOptions",
    "open_log",
    "sqlite_version",
]


def open_log(url: str | Path, *, create: bool = True, options: LogOptions | KafkaOptions | None = None) -> FrameLog:
    """Open the log in the directory `url`, making it if it is missing and `create`, or the one in Kafka at
    `kafka://HOST:PORT[,HOST:PORT][/PREFIX]`, whose topics are there already.

    Raises LogNotFoundError, NotALogError, LogVersionError, LogError (a network file system), ConfigError (another kind of URL);
    with Kafka also LogUnavailableError, LogAccessError.
    """
    return LogAt.of(url, options).open(create=create)


def sqlite_version() -> str:
    """The SQLite that the embedded log runs on."""
    return str(apsw.sqlite_lib_version())
