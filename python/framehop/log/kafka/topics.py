"""Make and describe the topics of a log in Kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from framehop.errors import ConfigError, LogUnavailableError
from framehop.log.kafka.connection import MIB, REQUEST_S, RETRY_S, Connection, patiently
from framehop.log.kafka.errors import explain, translated
from framehop.log.kafka.offset_queries import ends
from framehop.timing import Deadline

logger = logging.getLogger(__name__)

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
OVERHEAD_BYTES = 1024  # key and headers of a frame record and its batch; rounded up
EVENT_BYTES = 1_000_000  # size of an event with more objects than anybody needs; below Kafka's own default for a topic
SMALLEST_SEGMENT_S = 1.0
LEADERS_S = 30.0
PARTITION_S = (
    0.1  # a small broker's time for one copy of one partition, generously: 500 partitions of three topics took 20 s
)


class TopicPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The topics that `create` makes.

    `partitions`: per topic; at most as many workers can share them. `replication`: copies; 0 for three, or as many as there are
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
    """The present state of one topic. `replication`: copies of each record; `in_sync`: how many of them are up to date, in the
    partition that has the fewest. `config`: the settings that matter to framehop, as far as the broker shows them."""

    name: str
    partitions: int
    replication: int
    in_sync: int
    config: dict[str, str]


SHOWN = (
    "max.message.bytes",
    "message.timestamp.type",
    "retention.ms",
    "retention.bytes",
    "segment.ms",
    "min.insync.replicas",
    "cleanup.policy",
)


def create_topics(connection: Connection, plan: TopicPlan, frames: Sequence[str] = ()) -> dict[str, bool]:
    """Make the topics that are missing and return by topic whether it was made. Existing topics stay unchanged; see `check_topics`.
    `frames`: names that fit the template; by default the one topic that the options name, if that is no template."""
    names = _chosen(connection, frames)
    brokers = _brokers(connection)
    replication = plan.replication or min(3, brokers)
    if replication > brokers:
        raise ConfigError(f"{replication} copies need as many brokers, and there are {brokers}: lower --replication")
    wanted = _wanted(connection, plan, names, replication)
    within_s = LEADERS_S + PARTITION_S * plan.partitions * replication * len(wanted)
    made = _make(connection, wanted, Deadline.after(within_s))
    for topic in wanted:
        patiently(
            connection, partial(_see, connection, topic.topic), topic=topic.topic, just_made=True, within_s=within_s
        )
    return made


def _wanted(connection: Connection, plan: TopicPlan, frames: Sequence[str], replication: int) -> list[NewTopic]:
    url = connection.url
    of_frames = _config(plan.max_age_s, plan.max_bytes, replication)
    of_events = _config(plan.event_age_s, max(EVENT_BYTES, plan.max_bytes), replication)
    configs = dict.fromkeys(frames, of_frames) | dict.fromkeys((url.detections, url.deadletter), of_events)
    return [
        NewTopic(name, num_partitions=plan.partitions, replication_factor=replication, config=config)
        for name, config in configs.items()
    ]


def _make(connection: Connection, wanted: Sequence[NewTopic], deadline: Deadline) -> dict[str, bool]:
    """Make topics, repeating the request: a broker that makes many partitions may take longer than it or the client waits. The
    repeated answer tells whether they exist, and those that did not exist before are ours."""
    before = _existing(connection)
    while True:
        try:
            answers = _ask(connection, wanted)
        except LogUnavailableError as error:
            if deadline.expired:
                raise
            logger.warning("%s; the topics may have been made all the same: asking again", error)
            time.sleep(RETRY_S)
        else:
            return {name: fresh or name not in before for name, fresh in answers.items()}


def _existing(connection: Connection) -> frozenset[str]:
    with translated(connection.url, connection.causes):
        return frozenset(connection.admin.list_topics(timeout=REQUEST_S).topics)


def _ask(connection: Connection, wanted: Iterable[NewTopic]) -> dict[str, bool]:
    with translated(connection.url, connection.causes):
        futures = connection.admin.create_topics(
            list(wanted), request_timeout=LEADERS_S + REQUEST_S, operation_timeout=LEADERS_S
        )
        return {name: _made(future, connection, name) for name, future in futures.items()}


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
    """Check that every partition has a leader that answers."""
    ends(connection, connection.partitions_of(topic))


def _config(age_s: float, max_bytes: int, replication: int) -> dict[str, str]:
    """Return the topic's settings. Kafka removes only whole closed segments, so a segment lasts a tenth of the age."""
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
        future.result(LEADERS_S + 2 * REQUEST_S)
    except KafkaException as raised:
        if raised.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise explain(raised.args[0], connection.url, name) from raised
    return True


def topic_names(connection: Connection) -> list[str]:
    """Return the names of the log's topics, those for frames first. Missing topics are included unless they would be found by
    pattern."""
    return [*connection.frame_topics(), connection.url.detections, connection.url.deadletter]


def describe_topics(connection: Connection) -> list[TopicState]:
    """Describe the log's topics, those for frames first. Raises LogNotFoundError naming the first that is missing."""
    names = topic_names(connection)
    partitions = {name: connection.partition_count(name) for name in names}
    configs = configs_of(connection, [ConfigResource(ResourceType.TOPIC, name) for name in names])
    return [
        TopicState(
            name=name,
            partitions=partitions[name],
            **_copies(connection, name),
            config={key: configs[name][key] for key in SHOWN if key in configs[name]},
        )
        for name in names
    ]


def _brokers(connection: Connection) -> int:
    with translated(connection.url, connection.causes):
        return len(connection.admin.list_topics(timeout=REQUEST_S).brokers)


def configs_of(connection: Connection, resources: Sequence[Any]) -> Mapping[str, Mapping[str, str]]:
    """Return the resources' settings, by name. Those that the broker does not show are absent."""
    with translated(connection.url, connection.causes):
        # Each resource has its own request, since a broker answers only for itself.
        futures = [
            (resource.name, connection.admin.describe_configs([resource], request_timeout=REQUEST_S)[resource])
            for resource in resources
        ]
        return {
            name: {key: entry.value for key, entry in future.result(REQUEST_S).items() if entry.value is not None}
            for name, future in futures
        }


def _copies(connection: Connection, topic: str) -> dict[str, int]:
    with translated(connection.url, connection.causes):
        partitions = connection.admin.list_topics(topic=topic, timeout=REQUEST_S).topics[topic].partitions.values()
    return {
        "replication": min((len(partition.replicas) for partition in partitions), default=0),
        "in_sync": min((len(partition.isrs) for partition in partitions), default=0),
    }


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"topics: {message}")
