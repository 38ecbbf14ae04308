"""The log, where frames and events are kept. `open_log` opens one. Importing this imports neither SQLite nor a Kafka client."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framehop.log.embedded.options import LogOptions
from framehop.log.kafka.options import KafkaOptions, KafkaSecurity
from framehop.log.location import LogAt
from framehop.log.spool.options import SpoolOptions
from framehop.protocols import FrameLog

if TYPE_CHECKING:
    from framehop.log.embedded.embedded_log import EmbeddedLog

__all__ = [
    "EmbeddedLog",
    "KafkaOptions",
    "KafkaSecurity",
    "LogAt",
    "LogOptions",
    "SpoolOptions",
    "open_log",
    "sqlite_version",
]


def open_log(url: str | Path, *, create: bool = True, options: LogOptions | KafkaOptions | None = None) -> FrameLog:
    """Open the log in the directory `url`, which is made if it is missing and `create` is set, or the one in Kafka at
    `kafka://HOST:PORT[,HOST:PORT][/PREFIX]`, whose topics must exist.

    Raises LogNotFoundError, NotALogError, LogVersionError, LogError (a network file system), ConfigError (another kind of URL);
    with Kafka also LogUnavailableError, LogAccessError.
    """
    return LogAt.of(url, options).open(create=create)


def sqlite_version() -> str:
    """Return the version of SQLite that the embedded log uses."""
    import apsw

    return str(apsw.sqlite_lib_version())


def __getattr__(name: str) -> object:
    if name != "EmbeddedLog":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from framehop.log.embedded.embedded_log import EmbeddedLog  # loads SQLite

    return EmbeddedLog
