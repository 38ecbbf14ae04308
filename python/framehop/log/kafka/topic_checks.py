"""Find settings of topics and brokers that should be changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

import msgspec
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]  # they are public

from framehop.errors import LogNotFoundError
from framehop.log.kafka.connection import REQUEST_S, Connection
from framehop.log.kafka.errors import translated
from framehop.log.kafka.topics import (
    EVENT_BYTES,
    OVERHEAD_BYTES,
    SHOWN,
    SMALLEST_SEGMENT_S,
    TopicPlan,
    TopicState,
    configs_of,
    describe_topics,
    topic_names,
)

logger = logging.getLogger(__name__)

Settings = Mapping[str, str]
FOREVER_MINUTES = 2_147_483_647  # Kafka's largest


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that `check` objects to. `where`: a topic, or a broker."""

    where: str
    setting: str
    value: str
    wanted: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.setting} is {self.value}, and should be {self.wanted}: {self.why}"


def check_topics(connection: Connection, largest_frame: int = 0) -> list[Finding]:
    """Return what to change, setting by setting. `largest_frame`: bytes of the largest picture that must pass; 0 for the
    default."""
    if missing := _check_presence(connection):
        return missing
    needed = (largest_frame or TopicPlan().max_bytes) + OVERHEAD_BYTES
    topics = describe_topics(connection)
    brokers = _broker_configs(connection)
    for topic in topics:
        _say_hidden(topic)
    *frames, events, letters = topics
    return [
        *(finding for topic in topics for finding in _check_topic(topic)),
        *(finding for topic in frames for finding in _check_frames_size(topic, brokers, needed)),
        *(finding for topic in (events, letters) for finding in _check_events_size(topic)),
        *_check_partitions(connection.frames.text, frames, events),
        *check_offsets_retention(frames, brokers),
    ]


def _check_presence(connection: Connection) -> list[Finding]:
    found = []
    for name in topic_names(connection):
        try:
            connection.partition_count(name)
        except LogNotFoundError as error:
            found.append(_finding(name, "topic", "missing", "there", str(error)))
    return found


def _say_hidden(topic: TopicState) -> None:
    """Warn of settings that the broker does not show, as some managed ones do; nothing is found about these."""
    if hidden := [setting for setting in SHOWN if setting not in topic.config]:
        logger.warning("topic %s: the broker does not show %s, so that is not checked", topic.name, ", ".join(hidden))


def _check_topic(topic: TopicState) -> list[Finding]:
    found = []
    config, where = topic.config, topic.name
    if (value := config.get("message.timestamp.type", "LogAppendTime")) != "LogAppendTime":
        why = "with a camera's own clock, one camera two hours ahead has whole batches refused, and one in 1970 loses its frames"
        found.append(_finding(where, "message.timestamp.type", value, "LogAppendTime", why))
    retention_ms, segment_ms = int(config.get("retention.ms", 0)), int(config.get("segment.ms", 0))
    if retention_ms > 0 and segment_ms > max(SMALLEST_SEGMENT_S * 1000, retention_ms / 10):
        why = "only closed segments are removed: records stay for that much longer than retention.ms says"
        found.append(_finding(where, "segment.ms", segment_ms, f"{retention_ms // 10} or less", why))
    if (value := config.get("cleanup.policy", "delete")) != "delete":
        found.append(_finding(where, "cleanup.policy", value, "delete", "compaction keeps one record per camera"))
    if retention_ms < 0 and int(config.get("retention.bytes", 0)) < 0:
        why = "nothing is ever removed, until the brokers' disks are full; retention.bytes would bound it too"
        found.append(_finding(where, "retention.ms", retention_ms, "a bound", why))
    return [*found, *_check_replicas(topic)]


def _check_replicas(topic: TopicState) -> list[Finding]:
    """Check that records are taken now, and that one broker may be away, where there are copies enough for that, without a loss and
    without a halt."""
    insync, copies = int(topic.config.get("min.insync.replicas", 1)), topic.replication
    found = []
    if topic.in_sync < min(insync, copies):
        why = "until then nothing can be written; are all brokers up?"
        found.append(_finding(topic.name, "the number of replicas in sync", topic.in_sync, f"{insync} or more", why))
    if "min.insync.replicas" not in topic.config:
        return found
    wanted, why = "", ""
    if copies >= 3 and insync < 2:
        wanted, why = "2", "an acknowledged frame would be lost with one broker"
    elif insync >= copies >= 3:
        wanted, why = f"{copies - 1} or less", "nothing can be written while one broker is away"
    elif insync > copies:
        wanted, why = (
            f"{copies} or less",
            "there are fewer copies than that, and brokers before Kafka 4 take no record at all",
        )
    return found + ([_finding(topic.name, "min.insync.replicas", insync, wanted, why)] if wanted else [])


def _check_frames_size(frames: TopicState, brokers: Mapping[str, Settings], needed: int) -> list[Finding]:
    """Check every setting that bounds a record: the topic's (or the broker's default for topics), and replication's."""
    found = []
    topic_max = int(frames.config.get("max.message.bytes", needed))
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


def _check_events_size(topic: TopicState) -> list[Finding]:
    topic_max = int(topic.config.get("max.message.bytes", EVENT_BYTES))
    if topic_max >= EVENT_BYTES:
        return []
    why = "the events of pictures with many objects are larger, and become failed ones"
    return [_finding(topic.name, "max.message.bytes", topic_max, f"{EVENT_BYTES} or more", why)]


def _check_partitions(template: str, frames: Sequence[TopicState], events: TopicState) -> list[Finding]:
    if not frames:
        why = "nothing can be ingested or detected: make one with framehop topics create --topic NAME"
        return [_finding(template, "topics that fit", 0, "1 or more", why)]
    found = []
    if sum(topic.partitions for topic in frames) == 1:
        why = "one worker has them all and every other is idle; brokers that make topics by themselves make them so"
        found.append(_finding(frames[0].name, "partitions", 1, "as many as there will be workers, or more", why))
    most = max(topic.partitions for topic in frames)
    if events.partitions < most:
        why = "events of different streams crowd into fewer partitions"
        found.append(_finding(events.name, "partitions", events.partitions, f"{most} or more", why))
    return found


def check_offsets_retention(frames: Sequence[TopicState], brokers: Mapping[str, Settings]) -> list[Finding]:
    """Check that a group's offsets outlive the frames; otherwise workers that were away for long detect frames again."""
    longest = max((_kept_minutes(topic) for topic in frames), default=0)
    why = (
        "the broker forgets how far a group has come when no worker runs for so long, and the frames are kept for longer: workers "
        "then have to find out from the events, which cannot tell of all"
    )
    return [
        _finding(broker, "offsets.retention.minutes", config["offsets.retention.minutes"], f"{longest} or more", why)
        for broker, config in brokers.items()
        if int(config.get("offsets.retention.minutes", longest)) < longest
    ]


def _kept_minutes(topic: TopicState) -> int:
    retention_ms = int(topic.config.get("retention.ms", 0))
    return math.ceil(retention_ms / 60_000) if retention_ms >= 0 else FOREVER_MINUTES


def _finding(where: str, setting: str, value: object, wanted: str, why: str) -> Finding:
    return Finding(where=where, setting=setting, value=str(value), wanted=wanted, why=why)


def _broker_configs(connection: Connection) -> Mapping[str, Settings]:
    with translated(connection.url, connection.causes):
        brokers = connection.admin.list_topics(timeout=REQUEST_S).brokers
    found = configs_of(connection, [ConfigResource(ResourceType.BROKER, str(broker)) for broker in brokers])
    return {f"broker {name}": config for name, config in found.items()}
