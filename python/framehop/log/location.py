"""The place of a log and how to open it. One process of the pipeline sends this to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from framehop.errors import ConfigError
from framehop.log.embedded.options import LogOptions
from framehop.log.kafka.options import KafkaOptions
from framehop.protocols import FrameLog

if TYPE_CHECKING:
    from framehop.log.kafka.kafka_log import KafkaLog
    from framehop.log.spool.spooled_log import SpooledLog

KAFKA = "kafka://"
NAME_MAX = 255  # of Linux, for each name between two slashes


class LogAt(msgspec.Struct, frozen=True, kw_only=True):
    """A log's URL with the options of its kind; the options of the other kind are ignored."""

    url: str
    embedded: LogOptions = LogOptions()
    kafka: KafkaOptions = KafkaOptions()

    @classmethod
    def of(cls, url: str | Path, options: LogOptions | KafkaOptions | None = None) -> LogAt:
        """Build the location. A relative directory is that of now, also when this program changes its own afterwards. Raises
        ConfigError for options of the other kind of log."""
        text = _from_anywhere(str(url))
        match options:
            case None:
                return cls(url=text)
            case LogOptions() if not text.startswith(KAFKA):
                return cls(url=text, embedded=options)
            case KafkaOptions() if text.startswith(KAFKA):
                return cls(url=text, kafka=options)
        raise ConfigError(
            f"{text} does not take {type(options).__name__}: a directory takes LogOptions, kafka:// KafkaOptions"
        )

    @property
    def is_kafka(self) -> bool:
        """Whether the log is in Kafka and not in a directory."""
        return self.url.startswith(KAFKA)

    @property
    def doubles_events(self) -> bool:
        """Whether an event may come twice after a crash, with the same id. Such an event need not wait for the offset behind it."""
        return self.is_kafka and self.kafka.delivery == "at-least-once"

    def open(self, *, create: bool = True) -> FrameLog:
        """Open the log; see `open_log`."""
        self.check()
        if self.is_kafka:
            return self.open_kafka()
        from framehop.log.embedded.embedded_log import EmbeddedLog  # loads SQLite

        return EmbeddedLog(Path(self.url), create=create, options=self.embedded)

    def check(self) -> None:
        """Raise ConfigError for a URL at which there can never be a log, whatever comes to be there."""
        if self.is_kafka:
            return
        if "://" in self.url:
            raise ConfigError(
                f"{self.url}: not a log that framehop knows; use a directory, as in --log ./framehop-data, or kafka://HOST:PORT"
            )
        if not self.url:
            raise ConfigError("the log needs a directory, as in --log ./framehop-data, or kafka://HOST:PORT")
        _check_path(_from_anywhere(self.url))

    def writing(self, *, create: bool = True) -> FrameLog | SpooledLog:
        """Open the log to write frames. With a spool it may be away; else see `open_log`."""
        if not self.is_kafka or self.kafka.spool is None:
            return self.open(create=create)
        from framehop.log.kafka.behind import KafkaBehind  # loads the Kafka client
        from framehop.log.spool.spooled_log import SpooledLog

        behind = KafkaBehind(self.url, self.kafka)
        return SpooledLog(behind, behind.spool_root, self.kafka.spool, queue_bytes=self.kafka.queue_bytes)

    def check_kafka(self) -> None:
        """Raise ConfigError when this log is not in Kafka."""
        if not self.is_kafka:
            raise ConfigError(
                f"{self.url}: topics are Kafka's, and this log is a directory, which needs none; use --log kafka://HOST:PORT"
            )

    def open_kafka(self) -> KafkaLog:
        """Open the log as a KafkaLog, with the methods that only Kafka has. Raises ConfigError when it is not in Kafka; else see
        `open_log`."""
        self.check_kafka()
        from framehop.log.kafka.kafka_log import KafkaLog  # loads the Kafka client

        return KafkaLog(self.url, options=self.kafka)


def _from_anywhere(url: str) -> str:
    """Return what names the same log in a process with another working directory."""
    if "://" in url or not url:
        return url
    try:
        return str(Path(url).absolute())
    except FileNotFoundError as error:
        raise ConfigError(
            f"{url} lies in the current directory, which was removed: give the log's path from / on"
        ) from error


def _check_path(path: str) -> None:
    """Raise ConfigError for a path under which SQLite or Linux opens nothing."""
    try:
        names = path.encode().split(b"/")
    except UnicodeEncodeError as error:
        raise ConfigError(f"the log's path {path!a} is not UTF-8: choose another directory") from error
    if "\0" in path:
        raise ConfigError(f"the log's path {path!a} has a null character: choose another directory")
    longest = max(names, key=len)
    if len(longest) > NAME_MAX:
        start = longest[:32].decode(errors="replace")
        raise ConfigError(
            f"the log's path has a name of {len(longest)} bytes, {start!r} and so on, and Linux takes {NAME_MAX}: choose another"
        )
