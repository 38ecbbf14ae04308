"""The topics of a log in Kafka: made, described, and checked against what framehop needs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from framehop.errors import ConfigError, LogNotFoundError
from framehop.log.kafka.client import MIB, REQUEST_S, Connection, explain, patiently, translated
from framehop.log.kafka.scan import ends

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
OVERHEAD_BYTES = 1024  # key and headers of a frame record and its batch; rounded up
SMALLEST_SEGMENT_S = 1.0
LEADERS_S = 30.0


class TopicPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `create` makes.

    `partitions`: of each topic; as many workers can share them. `replication`: copies; 0 for three, or as many as there are
    brokers. `max_bytes`: largest picture. `max_age_s`: how long pictures are kept; `event_age_s`: events and dead letters.
    """

    partitions: int = 8
    replication: int = 0
    max_bytes: int = 8 * MIB - OVERHEAD_BYTES
    max_age_s: float = DAY_S
    event_age_s: float = 30 * DAY_S

    def __post_init__(self) -> None:
        _check(1 <= self.partitions <= 10_000, f"partitions must be 1 to 10000, not {self.partitions}")
        _check(self.replication >= 0, "replication must be 1 or more, or 0 for the usual")
        _check(1024 <= self.max_bytes <= 1 << 30, "the largest frame must have 1 KiB to 1 GiB")
        _check(self.max_age_s >= 10 * SMALLEST_SEGMENT_S, "max-age must be ten seconds or more")
        _check(self.event_age_s > 0, "event-age must be above 0")


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    """One topic as it is. `config`: the settings that matter to framehop."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something `check` does not like. `where`: a topic, or a broker."""

    where: str
    setting: str
    value: str
    wanted: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.setting} is {self.value}, and should be {self.wanted}: {self.why}"


_SHOWN = (
    "max.message.bytes",
    "message.timestamp.type",
    "retention.ms",
    "retention.bytes",
    "segment.ms",
    "min.insync.replicas",
    "cleanup.policy",
)


def create_topics(connection: Connection, plan: TopicPlan, frames: Sequence[str] = ()) -> dict[str, bool]:
    """Make what is missing; whether it was made, by topic. What is there stays as it is: see `check_topics`.

    `frames`: names that fit the template; without them the one topic that the options name, if they do."""
    url = connection.url
    names = _chosen(connection, frames)
    brokers = _brokers(connection)
    replication = plan.replication or min(3, brokers)
    if replication > brokers:
        raise ConfigError(f"{replication} copies need as many brokers, and there are {brokers}: lower --replication")
    ages = dict.fromkeys(names, plan.max_age_s) | dict.fromkeys((url.detections, url.deadletter), plan.event_age_s)
    wanted = [
        NewTopic(
            name,
            num_partitions=plan.partitions,
            replication_factor=replication,
            config=_config(age_s, plan.max_bytes, replication),
        )
        for name, age_s in ages.items()
    ]
    with translated(url, connection.causes):
        futures = connection.admin.create_topics(wanted, request_timeout=REQUEST_S, operation_timeout=LEADERS_S)
        made = {name: _made(future, connection, name) for name, future in futures.items()}
    for name in made:
        patiently(connection, partial(_see, connection, name), topic=name, just_made=True)
    return made


def _chosen(connection: Connection, named: Sequence[str]) -> list[str]:
    template, labels = connection.frames, connection.options.labels
    for name in named:
        if not template.matches(name):
            raise ConfigError(
                f"--topic {name} does not fit {template.text}, by which workers find the topics of frames"
            )
    if named or template.per_stream or template.missing_labels(labels):
        return list(named)
    return [template.topic_of("", labels)]


def _see(connection: Connection, topic: str) -> None:
    """Every partition has a leader that answers."""
    ends(connection, connection.places_of(topic))


def _config(age_s: float, max_bytes: int, replication: int) -> dict[str, str]:
    """Pictures are removed in whole segments: one that is never closed is never removed, so a segment is a tenth of the age."""
    return {
        "max.message.bytes": str(max_bytes + OVERHEAD_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(int(age_s * 1000)),
        "segment.ms": str(int(max(SMALLEST_SEGMENT_S, min(age_s / 10, 7 * DAY_S)) * 1000)),
        "min.insync.replicas": str(2 if replication >= 3 else 1),
        "cleanup.policy": "delete",
        "compression.type": "producer",
    }


def _made(future: Any, connection: Connection, name: str) -> bool:
    try:
        future.result(LEADERS_S)
    except KafkaException as raised:
        if raised.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise explain(raised.args[0], connection.url, name) from raised
    return True


def describe_topics(connection: Connection) -> list[TopicState]:
    """The log's topics, those for frames first. Raises LogNotFoundError naming the first that is missing."""
    url = connection.url
    names = [*connection.frame_topics(), url.detections, url.deadletter]
    partitions = {name: connection.partitions_of(name) for name in names}
    configs = _configs(connection, [ConfigResource(ResourceType.TOPIC, name) for name in names])
    return [
        TopicState(
            name=name,
            partitions=partitions[name],
            replication=_replication(connection, name),
            config={key: configs[name][key] for key in _SHOWN if key in configs[name]},
        )
        for name in names
    ]


def check_topics(connection: Connection, largest_frame: int = 0) -> list[Finding]:
    """What to change, setting by setting. `largest_frame`: bytes of the largest picture that has to pass; 0 for the default."""
    try:
        topics = describe_topics(connection)
    except LogNotFoundError as error:
        name = next(iter(str(error).partition("no topic ")[2].split(":")), "")
        return [Finding(where=name, setting="topic", value="missing", wanted="there", why=str(error))]
    needed = (largest_frame or TopicPlan().max_bytes) + OVERHEAD_BYTES
    brokers = _broker_configs(connection)
    found = [finding for topic in topics for finding in _check_topic(topic)]
    *frames, events, _ = topics
    found += [finding for topic in frames for finding in _check_size(topic, brokers, needed)]
    if not frames:
        why = "nothing can be ingested or detected: make one with framehop topics create --topic NAME"
        found.append(_finding(connection.frames.text, "topics that fit", 0, "1 or more", why))
    most = max((topic.partitions for topic in frames), default=0)
    if events.partitions < most:
        why = "events of different streams crowd into fewer partitions"
        found.append(_finding(events.name, "partitions", events.partitions, f"{most} or more", why))
    return found


def _check_topic(topic: TopicState) -> list[Finding]:
    found = []
    config, where = topic.config, topic.name
    if config.get("message.timestamp.type") != "LogAppendTime":
        why = "with a camera's own clock, one camera two hours ahead has whole batches refused, and one in 1970 loses its frames"
        value = config.get("message.timestamp.type", "?")
        found.append(_finding(where, "message.timestamp.type", value, "LogAppendTime", why))
    retention_ms, segment_ms = int(config.get("retention.ms", -1)), int(config.get("segment.ms", 0))
    if retention_ms > 0 and segment_ms > max(SMALLEST_SEGMENT_S * 1000, retention_ms / 10):
        why = "only closed segments are removed: records stay for that much longer than retention.ms says"
        found.append(_finding(where, "segment.ms", segment_ms, f"{retention_ms // 10} or less", why))
    if config.get("cleanup.policy") != "delete":
        why = "compaction keeps one record per camera"
        found.append(_finding(where, "cleanup.policy", config.get("cleanup.policy", "?"), "delete", why))
    insync = int(config.get("min.insync.replicas", 1))
    if topic.replication >= 3 and insync < 2:
        why = "an acknowledged frame would be lost with one broker"
        found.append(_finding(where, "min.insync.replicas", insync, "2", why))
    return found


def _check_size(frames: TopicState, brokers: Mapping[str, Mapping[str, str]], needed: int) -> list[Finding]:
    """The three places that bound a record: the topic (else the broker's default for topics), and replication."""
    found = []
    topic_max = int(frames.config.get("max.message.bytes", 0))
    if topic_max < needed:
        why = "larger frames become failed events"
        found.append(_finding(frames.name, "max.message.bytes", topic_max, f"{needed} or more", why))
    if frames.replication > 1:
        for broker, config in brokers.items():
            fetch_max = int(config.get("replica.fetch.max.bytes", needed))
            if fetch_max < needed:
                why = "larger records are copied one by one, slowly"
                found.append(_finding(broker, "replica.fetch.max.bytes", fetch_max, f"{needed} or more", why))
    return found


def _finding(where: str, setting: str, value: object, wanted: str, why: str) -> Finding:
    return Finding(where=where, setting=setting, value=str(value), wanted=wanted, why=why)


def _brokers(connection: Connection) -> int:
    with translated(connection.url, connection.causes):
        return len(connection.admin.list_topics(timeout=REQUEST_S).brokers)


def _broker_configs(connection: Connection) -> dict[str, dict[str, str]]:
    with translated(connection.url, connection.causes):
        brokers = connection.admin.list_topics(timeout=REQUEST_S).brokers
    found = _configs(connection, [ConfigResource(ResourceType.BROKER, str(broker)) for broker in brokers])
    return {f"broker {name}": config for name, config in found.items()}


def _configs(connection: Connection, resources: Sequence[Any]) -> dict[str, dict[str, str]]:
    with translated(connection.url, connection.causes):
        # One request per resource: a broker answers for itself alone.
        futures = [
            (resource.name, connection.admin.describe_configs([resource], request_timeout=REQUEST_S)[resource])
            for resource in resources
        ]
        return {
            name: {key: entry.value or "" for key, entry in future.result(REQUEST_S).items()}
            for name, future in futures
        }


def _replication(connection: Connection, topic: str) -> int:
    with translated(connection.url, connection.causes):
        found = connection.admin.list_topics(topic=topic, timeout=REQUEST_S).topics[topic]
    return min((len(partition.replicas) for partition in found.partitions.values()), default=0)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"topics: {message}")
