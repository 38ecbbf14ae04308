"""A log in Kafka that stands behind a spool."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from framehop.log.kafka.book import KafkaBook
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.stream_store import state_directory
from framehop.log.kafka.url import KafkaUrl

TRY_S = 2.0  # each look for a broker


class KafkaBehind:
    """The LogBehind of a spool. Raises ConfigError for a URL that is none."""

    def __init__(self, url: str, options: KafkaOptions) -> None:
        self._url, self._options = KafkaUrl.parse(url), options

    @property
    def url(self) -> str:
        return str(self._url)

    @property
    def patience_s(self) -> float:
        return self._options.connect_timeout_s

    @property
    def spool_root(self) -> Path:
        """The directory of the spool of this log: where the options say, in a directory of its own, or beside the state."""
        state = state_directory(self._url, self._options)
        chosen = self._options.spool.dir if self._options.spool else ""
        return Path(chosen).absolute() / state.name if chosen else state / "spool"

    def book(self) -> KafkaBook:
        return KafkaBook(self._url, self._options)

    def open(self) -> KafkaLog:
        options = replace(self._options, connect_timeout_s=min(TRY_S, self._options.connect_timeout_s))
        return KafkaLog(self.url, options=options, quiet=True)
