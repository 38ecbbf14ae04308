"""Where a log is and how to open it: what one process of the pipeline tells another."""

from __future__ import annotations

from pathlib import Path

import msgspec

from framehop.errors import ConfigError
from framehop.log.embedded import EmbeddedLog
from framehop.log.kafka.options import KafkaOptions
from framehop.log.options import LogOptions
from framehop.protocols import FrameLog

KAFKA = "kafka://"


class LogAt(msgspec.Struct, frozen=True, kw_only=True):
    """A log's URL with the options of its kind; those of the other kind are not looked at."""

    url: str
    embedded: LogOptions = LogOptions()
    kafka: KafkaOptions = KafkaOptions()

    @classmethod
    def of(cls, url: str | Path, options: LogOptions | KafkaOptions | None = None) -> LogAt:
        """Raises ConfigError for options of the other kind of log."""
        text = str(url)
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
    def doubles_events(self) -> bool:
        """Whether an event may come twice after a crash, with the same id: then it need not wait for the offset behind it."""
        return self.url.startswith(KAFKA) and self.kafka.delivery == "at-least-once"

    def open(self, *, create: bool = True) -> FrameLog:
        """See `open_log`."""
        if self.url.startswith(KAFKA):
            from framehop.log.kafka.kafka_log import KafkaLog  # loads the Kafka client

            return KafkaLog(self.url, options=self.kafka)
        if "://" in self.url:
            raise ConfigError(
                f"{self.url}: not a log that framehop knows; use a directory, as in --log ./framehop-data, or kafka://HOST:PORT"
            )
        if not self.url:
            raise ConfigError("the log needs a directory, as in --log ./framehop-data, or kafka://HOST:PORT")
        return EmbeddedLog(Path(self.url), create=create, options=self.embedded)
