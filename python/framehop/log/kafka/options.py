"""The options for opening a log in Kafka. Light to import: no Kafka client is loaded here."""

from __future__ import annotations

from typing import Literal

import msgspec

from framehop.errors import ConfigError
from framehop.log.kafka.template import check_frames_topic, check_labels
from framehop.log.spool.options import SpoolOptions
from framehop.protocols import Delivery

MIB = 1 << 20

Membership = Literal["static", "dynamic"]
ClientValue = str | int | float | bool

# framehop sets these because a guarantee depends on them; a different client setting is refused, not overridden in silence.
OURS = {
    "bootstrap.servers": "the log's URL names the brokers",
    "metadata.broker.list": "the log's URL names the brokers",
    "group.id": "the lane names the group",
    "group.instance.id": "use membership: static or dynamic",
    "group.protocol.type": "the client knows one",
    "enable.auto.commit": "offsets move by the commit rule",
    "auto.commit.enable": "offsets move by the commit rule",
    "enable.auto.offset.store": "offsets move by the commit rule",
    "auto.offset.reset": "start offsets are resolved on assignment",
    "enable.idempotence": "without it a retry may double or reorder frames",
    "acks": "a frame is acknowledged by all replicas in sync",
    "request.required.acks": "a frame is acknowledged by all replicas in sync",
    "message.timeout.ms": "a message that expires would be lost or doubled",
    "delivery.timeout.ms": "a message that expires would be lost or doubled",
    "transactional.id": "use delivery: exactly-once",
    "enable.partition.eof": "the end of a partition is part of the commit rule",
    "isolation.level": "frames and events are read committed",
    "allow.auto.create.topics": "topics are made by framehop topics create, with the settings that they need",
    "logger": "what the client has to say is logged under framehop.log.kafka",
    "default.topic.config": "settings of topics stand beside the others",
}
ALIASES = {"sasl.mechanisms": "sasl.mechanism"}

# With `group.protocol: consumer` (KIP-848) the broker decides these: group.consumer.* there, or the group's own consumer.*.
BROKERS = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")
SESSION_S = 10.0


class KafkaSecurity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials by which framehop and the brokers authenticate each other, always over TLS.

    `username`, `password`: SASL by `mechanism`. `certificate`, `key`: PEM files of a client certificate (mTLS). `ca`: PEM file of
    the authority that signed the brokers' certificates; the system's own when empty.
    """

    username: str = ""
    password: str = ""
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = ""

    def __post_init__(self) -> None:
        _check(bool(self.username) == bool(self.password), "security needs username and password together")
        _check(bool(self.certificate) == bool(self.key), "security needs certificate and key together")
        _check(not (self.username and self.certificate), "security takes a username or a certificate, not both")

    def __repr__(self) -> str:
        return f"KafkaSecurity(username={self.username!r}, certificate={self.certificate!r})"

    def client(self) -> dict[str, ClientValue]:
        """Return librdkafka's settings."""
        named = {
            "security.protocol": "SASL_SSL" if self.username else "SSL",
            "ssl.ca.location": self.ca,
            "sasl.mechanism": self.mechanism if self.username else "",
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key,
            "ssl.key.password": self.key_password,
        }
        return {name: value for name, value in named.items() if value}


class KafkaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one opening of a log in Kafka.

    `delivery`: with `at-least-once` an event may come twice after a crash, with the same id; `exactly-once` puts events and offsets
    in one transaction, and a read_committed reader sees each event once.
    `membership`: with `static` a restarted worker gets its partitions back at once; with `dynamic` they move to others at once.
    `session_timeout_s`: a worker that is silent for so long loses its partitions; brokers allow 6 s and more by default.
    `commit_interval_s`: the shortest time between commits of offsets, or between transactions with `exactly-once`.
    `connect_timeout_s`: how long to wait for a broker at the start.
    `queue_bytes`: bound of ingest's queue. `prefetch_bytes`: bound of what a worker reads ahead.
    `frames_topic`: where frames lie, instead of `<prefix>.frames`: a name, or one with placeholders, such as `cams.{site}`.
    `{stream}` is the stream's id; a writer takes the others from `labels`, a reader takes every topic that fits.
    `state_dir`: where ingest remembers epochs and acknowledged seqs, and workers their slots; empty for the user's own.
    `spool`: where live streams wait on this host's disk while the brokers are away or slow; None for no spool.
    `client`: any setting of librdkafka, by its own name.
    """

    delivery: Delivery = "at-least-once"
    membership: Membership = "static"
    session_timeout_s: float = SESSION_S
    commit_interval_s: float = 0.1
    connect_timeout_s: float = 30.0
    queue_bytes: int = 64 * MIB
    prefetch_bytes: int = 32 * MIB
    frames_topic: str = ""
    labels: dict[str, str] = {}
    state_dir: str = ""
    spool: SpoolOptions | None = None
    security: KafkaSecurity | None = None
    client: dict[str, ClientValue] = {}

    def __post_init__(self) -> None:
        _check(self.session_timeout_s > 0, "session_timeout_s must be above 0")
        _check(self.commit_interval_s >= 0, "commit_interval_s must not be negative")
        _check(self.connect_timeout_s > 0, "connect_timeout_s must be above 0")
        _check(self.queue_bytes >= MIB, "queue_bytes must be 1 MiB or more")
        _check(self.prefetch_bytes >= MIB, "prefetch_bytes must be 1 MiB or more")
        if self.frames_topic:
            check_frames_topic(self.frames_topic)
        check_labels(self.labels)
        for name, why in OURS.items():
            _check(name not in self.client, f"client setting {name} is framehop's own: {why}")
        for name in self.client:
            _check(
                "_" not in name,
                f"client setting {name} is no setting of librdkafka: its names have dots, no underscores",
            )
        self._check_security()
        self._check_protocol()

    def _check_security(self) -> None:
        ours = self.security.client() if self.security else {}
        for name in self.client:
            _check(
                ALIASES.get(name, name) not in ours,
                f"client setting {name} and security say the same: keep it in one of them",
            )

    def _check_protocol(self) -> None:
        if not self.by_broker:
            return
        for name in BROKERS:
            _check(
                name not in self.client,
                f"client setting {name} is not allowed with group.protocol: consumer; the broker decides: see docs/kafka.md",
            )
        _check(
            self.session_timeout_s == SESSION_S,
            "session_timeout_s counts for nothing with group.protocol: consumer: set consumer.session.timeout.ms of the group",
        )

    @property
    def by_broker(self) -> bool:
        """Whether the brokers decide on sessions and shares, as in the group protocol of KIP-848."""
        return str(self.client.get("group.protocol", "")).lower() == "consumer"

    def __repr__(self) -> str:
        """Show the options without the values of client settings, which may contain secrets."""
        return f"KafkaOptions(delivery={self.delivery!r}, membership={self.membership!r}, client={sorted(self.client)})"


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"kafka: {message}")
