"""Errors of Kafka in framehop's words: the true cause of a failure, and what to change."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException

from framehop.errors import (
    ConfigError,
    FramehopError,
    LogAccessError,
    LogError,
    LogNotFoundError,
    LogUnavailableError,
    MemberReplacedError,
)
from framehop.log.kafka.url import KafkaUrl

logger = logging.getLogger(__name__)

LIMITS = (
    "raise max.message.bytes of the topic, message.max.bytes of the brokers and, with replicas, replica.fetch.max.bytes: "
    "see framehop topics check"
)

_LOST = "a broker has lost records that it had acknowledged, as after an unclean restart: start again"
_NEXT = {
    KafkaError.MSG_SIZE_TOO_LARGE: f"; {LIMITS}",
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER: f"; {_LOST}",
    KafkaError.UNKNOWN_PRODUCER_ID: f"; {_LOST}",
}
"""Advice on errors, where the broker's own words have none."""

_ACCESS = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError._SSL,
}
_AWAY = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.OFFSET_NOT_AVAILABLE,  # a new leader does not know its end yet
    KafkaError.UNKNOWN_LEADER_EPOCH,  # the broker has just come back
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError._NOENT,  # no partition's leader is known, as after a long loss of connection
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
}
_FOREIGN = {KafkaError.INCONSISTENT_GROUP_PROTOCOL}
MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_REPLACED = {KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID}
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED}


class Causes:
    """Collects the errors that the client's error callback reports. A delivery report says only that a message timed out, whether
    the password is wrong, the CA is missing or the broker is away. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: KafkaError | None = None
        self._at_s = 0.0
        # Clients polled in the main thread use `inbox.append` as their error callback. Ctrl-C could strike inside a Python
        # callback, and the client loses what a callback raises: poll() then ends with a SystemError (confluent-kafka 2.16.1).
        self.inbox: deque[KafkaError] = deque(maxlen=64)

    def drain(self) -> None:
        """Take the errors out of `inbox`."""
        while self.inbox:
            self(self.inbox.popleft())

    def __call__(self, error: KafkaError) -> None:
        with self._lock:
            # "All brokers are down" follows every cause and hides it.
            if error.code() != KafkaError._ALL_BROKERS_DOWN or self._last is None:
                self._last = error
            self._at_s = time.monotonic()
        logger.debug("kafka client: %s", error.str())

    def since(self, at_s: float) -> KafkaError | None:
        """Return the last cause if it came after that moment of the monotonic clock."""
        self.drain()
        with self._lock:
            return self._last if self._at_s >= at_s else None

    @property
    def refused(self) -> KafkaError | None:
        """Return a cause that waiting does not cure: credentials, certificates, rights."""
        self.drain()
        with self._lock:
            return self._last if self._last is not None and self._last.code() in _ACCESS else None


def missing(topic: str, url: KafkaUrl) -> LogNotFoundError:
    """Return the error for a topic that is not there, with the command that makes it."""
    if topic not in {url.frames, url.detections, url.deadletter}:
        return LogNotFoundError(f"{url} has no topic {topic}: make it with framehop topics create --topic {topic}")
    return LogNotFoundError(f"{url} has no topic {topic}: make the topics with framehop topics create --log {url}")


_UNTRUSTED = "certificate verify failed"


def explain(error: KafkaError, url: KafkaUrl, topic: str = "") -> FramehopError:
    """Explain Kafka's error: what is wrong, and what to change."""
    code = error.code()
    if code in MISSING:
        return missing(topic or url.frames, url)
    if code in _AWAY and _UNTRUSTED in error.str():  # the client sometimes reports this as a lost connection
        code = KafkaError._SSL
    where, said = f"{url}" + (f", topic {topic}" if topic else ""), error.str().strip()
    if code == KafkaError._INVALID_ARG:
        return ConfigError(f"{where}: {said}; look at log.kafka.client and log.kafka.security")
    if code in _ACCESS:
        return _refusal(code, where, said)
    if code in _REPLACED | _FENCED | _FOREIGN:
        return _displaced(code, where, said)
    if code in _AWAY:
        return LogUnavailableError(f"{where}: no broker answers: {said}; {_advice(code, said)}")
    return LogError(f"{where}: {said}{_NEXT.get(code, '')}")


def _advice(code: int, said: str) -> str:
    # This is the client's guess and depends on how the connection ended; a broker that wants TLS but refuses us gives the reason.
    if "PLAINTEXT" in said or ("SSL_HANDSHAKE" in said and "closed by peer" in said):
        return "it may have no TLS: then leave out log.kafka.security"
    if code == KafkaError._ALL_BROKERS_DOWN:  # without a cause, the brokers accept the connection and close it
        return "if they run, they may want TLS: set log.kafka.security"
    return "is it running, and is the address right?"


def _displaced(code: int, where: str, said: str) -> LogError:
    """Return the error for another process or application that has our place, or is in our group."""
    if code in _FOREIGN:
        return LogError(
            f"{where}: another application is in this consumer group, and shares partitions by another rule ({said}): give it a "
            "group of its own"
        )
    if code in _REPLACED:
        return MemberReplacedError(
            f"{where}: another process works under this worker's name ({said}): give each host a name of its own, and use one "
            "log.kafka.state_dir for all that runs on a host"
        )
    return LogError(f"{where}: another producer has taken this one's place, or it was silent for too long: {said}")


def _refusal(code: int, where: str, said: str) -> LogAccessError:
    if code == KafkaError._SSL:
        # After the start a broker may advertise a name that its certificate lacks.
        return LogAccessError(
            f"{where}: TLS failed: {said}; look at log.kafka.security: ca, certificate, key, and at the names that "
            "the brokers' certificates have"
        )
    if code in {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}:
        return LogAccessError(
            f"{where}: the broker refused who we are: {said}; look at log.kafka.security: username, password"
        )
    return LogAccessError(f"{where}: {said}; the ACLs that each role needs are in docs/kafka.md")


@contextlib.contextmanager
def translated(url: KafkaUrl, causes: Causes | None = None, topic: str = "") -> Iterator[None]:
    """Turn Kafka's exceptions into ours; a timeout is explained by what the error callback has reported meanwhile."""
    if causes is not None:
        causes.drain()
    began_s = time.monotonic()
    try:
        yield
    except KafkaException as raised:
        error: KafkaError = raised.args[0]
        if error.code() in _AWAY and causes is not None:
            error = causes.refused or causes.since(began_s) or error
        raise explain(error, url, topic) from raised
    except TimeoutError as raised:  # raised by an admin request
        raise explain(KafkaError(KafkaError._TIMED_OUT), url, topic) from raised
