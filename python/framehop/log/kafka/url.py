"""Parse `kafka://HOST:PORT[,HOST:PORT…][/PREFIX]`, which names the brokers and the topics."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framehop.errors import ConfigError

SCHEME = "kafka://"
DEFAULT_PORT = 9092
DEFAULT_PREFIX = "framehop"

_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,200}")  # a topic may have 249 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaUrl:
    """A log's address. `bootstrap`: in the form that Kafka's clients take. `prefix`: of every topic and group of this log."""

    bootstrap: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> KafkaUrl:
        """Parse a URL. Raises ConfigError."""
        if "@" in text:
            raise ConfigError(
                "kafka://…@…: a log's URL takes no user and password: they belong into log.kafka.security"
            )
        hosts, _, prefix = text.removeprefix(SCHEME).partition("/")
        found = [_HOST.fullmatch(host) for host in hosts.split(",")]
        ports = [int(match["port"] or DEFAULT_PORT) for match in found if match]
        if not text.startswith(SCHEME) or None in found or not all(0 < port < 65536 for port in ports):
            raise ConfigError(
                f"{text[:200]}: not kafka://HOST:PORT[,HOST:PORT…][/PREFIX], as in kafka://127.0.0.1:9092"
            )
        prefix = prefix or DEFAULT_PREFIX
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"{text[:200]}: a prefix has 1 to 200 of the characters A-Z a-z 0-9 . _ -")
        brokers = ",".join(f"{match['host']}:{port}" for match, port in zip(found, ports, strict=True) if match)
        return cls(bootstrap=brokers, prefix=prefix)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bootstrap}" + (f"/{self.prefix}" if self.prefix != DEFAULT_PREFIX else "")

    @property
    def frames(self) -> str:
        return f"{self.prefix}.frames"

    @property
    def detections(self) -> str:
        return f"{self.prefix}.detections"

    @property
    def deadletter(self) -> str:
        return f"{self.prefix}.deadletter"

    def group(self, name: str) -> str:
        """Return the broker's name for a group, so that logs that share a cluster have separate groups."""
        return f"{self.prefix}.{name}"
