"""The log: where frames and events are kept. `open_log` is the door."""

from __future__ import annotations

from pathlib import Path

import apsw

from framehop.errors import ConfigError
from framehop.log.embedded import EmbeddedLog
from framehop.log.options import LogOptions

__all__ = ["EmbeddedLog", "LogOptions", "open_log", "sqlite_version"]


def open_log(url: str | Path, *, create: bool = True, options: LogOptions | None = None) -> EmbeddedLog:
    """Open the log in the directory `url`, making it if it is missing and `create`.

    Raises LogNotFoundError, NotALogError, LogVersionError, LogError (a network file system), ConfigError (another kind of URL).
    """
    text = str(url)
    if text.startswith("kafka://"):
        raise ConfigError(
            f"{text}: logs in Kafka come with a later release; use a directory, as in --log ./framehop-data"
        )
    if "://" in text:
        raise ConfigError(f"{text}: not a log that framehop knows; use a directory, as in --log ./framehop-data")
    if not text:
        raise ConfigError("the log needs a directory, as in --log ./framehop-data")
    return EmbeddedLog(Path(url), create=create, options=options)


def sqlite_version() -> str:
    """The SQLite that the embedded log runs on."""
    return str(apsw.sqlite_lib_version())
