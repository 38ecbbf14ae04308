"""The common part of framehop's Kafka clients: settings, the admin client, and patience with brokers that come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from framehop.errors import (
    ConfigError,
    FramehopError,
    LogAccessError,
    LogNotFoundError,
    LogUnavailableError,
)
from framehop.log.kafka.certificate import wrong_name
from framehop.log.kafka.descriptions import Descriptions
from framehop.log.kafka.errors import Causes, explain, missing, translated
from framehop.log.kafka.options import KafkaOptions, KafkaSecurity
from framehop.log.kafka.template import TopicTemplate
from framehop.log.kafka.url import KafkaUrl
from framehop.timing import Deadline
from framehop.types import Partition

logger = logging.getLogger(__name__)

T = TypeVar("T")

MIB = 1 << 20
REQUEST_S = 10.0
METADATA_S = 3.0  # new topics and partitions are noticed this late, and read within 5 s
FIRST_WORD_S = 1.0
LOOK_S = 0.2
SLICE_S = 0.1  # whoever waits for records notices Ctrl-C between two slices
FURTHER_SLICE_S = 0.5  # in other threads than the main one, which alone hears Ctrl-C
RETRY_S = 0.1
# While all brokers are away the waits do not grow from try to try (librdkafka 2.16): each new try begins in a new thread about half
# of the first wait after the last, for ever. So the first wait decides what an outage costs.
FIRST_BACKOFF_MS = 500
LONGEST_BACKOFF_MS = 1000
# A fetch waits at the broker for the first record, and is sent again after so long. A partition that the client takes over
# meanwhile is read from the next fetch on.
FETCH_WAIT_MS = 200


class _Log:
    """Takes the client's own log instead of stderr; whatever matters in it also reaches the error callback."""

    def log(self, _level: int, text: str, *arguments: object) -> None:
        logger.debug("kafka client: " + text, *arguments)


def client_id(role: str) -> str:
    """Return the name that a client gives itself unless the user's settings say otherwise."""
    return f"framehop-{role}"


def settings(url: KafkaUrl, options: KafkaOptions, role: str, causes: Causes) -> dict[str, Any]:
    """Return the settings of every client. The user's own come last; the options refuse those on which a guarantee depends."""
    return {
        "bootstrap.servers": url.bootstrap,
        "client.id": client_id(role),
        "error_cb": causes,
        "log_level": 2,
        "logger": _Log(),
        "socket.keepalive.enable": True,
        **_backoff(options),
        "topic.metadata.refresh.interval.ms": int(METADATA_S * 1000),
        # By Kafka's default, asking for a topic by name makes it, with one partition and the camera's clock. Producers and admin
        # clients ask in that way unless told otherwise.
        "allow.auto.create.topics": False,
        **(options.security.client() if options.security else {}),
        **options.client,
    }


def _backoff(options: KafkaOptions) -> dict[str, int]:
    """Return the first and the longest wait between two tries to connect. The client refuses a first wait that is longer than the
    longest, so ours gives way to the one that a user has set."""
    first, longest = "reconnect.backoff.ms", "reconnect.backoff.max.ms"
    users = {name: int(text) for name in (first, longest) if (text := str(options.client.get(name, ""))).isdigit()}
    return {
        first: min(FIRST_BACKOFF_MS, users.get(longest, LONGEST_BACKOFF_MS)),
        longest: max(LONGEST_BACKOFF_MS, users.get(first, FIRST_BACKOFF_MS)),
    }


def slice_s() -> float:
    """Return how long the calling thread may wait for records at a time."""
    return SLICE_S if threading.current_thread() is threading.main_thread() else FURTHER_SLICE_S


def only(config: dict[str, Any], *prefixes_not: str) -> dict[str, Any]:
    """Leave out settings that this kind of client does not know; librdkafka warns about each."""
    return {name: value for name, value in config.items() if not name.startswith(prefixes_not)}


class Connection:
    """The admin client of one log. It waits for a broker at its start, and says so unless `quiet` is set."""

    def __init__(self, url: KafkaUrl, options: KafkaOptions, *, quiet: bool = False) -> None:
        self.url = url
        self.options = options
        self.causes = Causes()
        self.frames = TopicTemplate(options.frames_topic or url.frames)
        self.frames.check_apart_from(url.detections, url.deadletter)
        if options.security is not None:
            _check_files(options.security)
        try:
            self.admin = AdminClient(settings(url, options, "admin", self.causes))
        except KafkaException as raised:
            raise _refused_setting(raised.args[0], url, options) from raised
        self.descriptions = Descriptions(self.admin)
        self._wait_for_broker(Deadline.after(options.connect_timeout_s), said=quiet)

    def _wait_for_broker(self, deadline: Deadline, *, said: bool) -> None:
        while True:
            try:
                self.admin.list_topics(
                    topic=None if self.frames.by_pattern else self.frames.text,
                    timeout=min(FIRST_WORD_S, max(LOOK_S, deadline.remaining_s)),
                )
            except KafkaException as error:
                self.admin.poll(0)
                refused = self.causes.refused
                if refused is not None or deadline.expired:
                    raise self._why(refused or self.causes.since(0.0) or error.args[0]) from error
                cause = self.causes.since(0.0)
                if not said:
                    logger.warning(
                        "no broker answers at %s yet%s; trying for %.0f s",
                        self.url.bootstrap,
                        f" ({cause.str()})" if cause else "",
                        deadline.remaining_s,
                    )
                    said = True
            else:
                return

    def _why(self, error: KafkaError) -> FramehopError:
        """Tell an unknown authority from a broker with another name in its certificate; the client uses the same words for both."""
        security = self.options.security
        if error.code() == KafkaError._SSL and security is not None:
            said = wrong_name(self.url.bootstrap, security.ca)
            if said:
                return LogAccessError(
                    f"{self.url}: TLS failed: {said}: use a name that it is for, or a certificate for this one"
                )
        return explain(error, self.url)

    def check_reached(self) -> None:
        """Raise LogUnavailableError unless a broker answers within FIRST_WORD_S."""
        with translated(self.url, self.causes):
            self.admin.list_topics(topic=self.url.detections, timeout=FIRST_WORD_S)

    def partition_count(self, topic: str) -> int:
        """Return how many partitions the topic has. Raises LogNotFoundError."""
        with translated(self.url, self.causes):
            found = self.admin.list_topics(topic=topic, timeout=REQUEST_S).topics.get(topic)
        if found is None or found.error is not None or not found.partitions:
            error = found.error if found is not None else None
            raise explain(error, self.url, topic) if error is not None else missing(topic, self.url)
        return len(found.partitions)

    def has(self, partition: Partition) -> bool:
        """Return whether the partition is known. Brokers that have not heard of a new partition answer as if the topic were
        missing."""
        try:
            return partition.number < self.partition_count(partition.topic)
        except LogNotFoundError:
            return False

    def partitions_of(self, topic: str) -> list[Partition]:
        """Return the topic's partitions. Raises LogNotFoundError."""
        return [Partition(topic, number) for number in range(self.partition_count(topic))]

    def frame_topics(self) -> list[str]:
        """Return the existing topics that fit the template, sorted; for a template without placeholders its one topic, even if it
        is missing."""
        return sorted(self._matching()) if self.frames.by_pattern else [self.frames.text]

    def frame_partitions(self) -> list[Partition]:
        """Return the partitions that hold frames, sorted. Raises LogNotFoundError when the log has one topic for frames and it is
        missing."""
        if not self.frames.by_pattern:
            return self.partitions_of(self.frames.text)
        return sorted(Partition(topic, number) for topic, count in self._matching().items() for number in range(count))

    def _matching(self) -> dict[str, int]:
        """Return the number of partitions by topic that fits."""
        with translated(self.url, self.causes):
            found = self.admin.list_topics(timeout=REQUEST_S).topics
        return {
            name: len(topic.partitions)
            for name, topic in found.items()
            if self.frames.matches(name) and topic.error is None and topic.partitions
        }

    def may_vanish(self, topic: str) -> bool:
        """Return whether the topic is found by pattern: the log still exists without it. When nothing fits, the client names the
        pattern itself."""
        return self.frames.by_pattern and (self.frames.matches(topic) or topic == self.frames.pattern)


def _check_files(security: KafkaSecurity) -> None:
    """Check that the security files can be read. OpenSSL's message for a missing file names everything but the file."""
    for name in ("ca", "certificate", "key"):
        path = getattr(security, name)
        try:
            if path:
                Path(path).open("rb").close()
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"log.kafka.security.{name}: {path!r} cannot be read: {what}") from error


def _refused_setting(error: KafkaError, url: KafkaUrl, options: KafkaOptions) -> FramehopError:
    """Name a refused setting as the user wrote it; the client uses another name for linger.ms, for example."""
    for name, value in options.client.items():
        try:
            AdminClient({"log_level": 0, name: value})
        except KafkaException as raised:
            return ConfigError(f"log.kafka.client: {name}: {raised.args[0].str().strip()}")
    return explain(error, url)


def patiently(
    connection: Connection,
    action: Callable[[], T],
    *,
    topic: str = "",
    just_made: bool = False,
    within_s: float = REQUEST_S,
) -> T:
    """Run `action`, repeating it while leaders and coordinators are being found, as after the loss of a broker. `just_made`: repeat
    also while some brokers have not heard of the topic."""
    passing = (LogUnavailableError, LogNotFoundError) if just_made else (LogUnavailableError,)
    deadline = Deadline.after(within_s)
    while True:
        try:
            with translated(connection.url, connection.causes, topic):
                return action()
        except passing:
            if deadline.expired:
                raise
            time.sleep(RETRY_S)
