"""A broker's view of a group: its members, who owns which partitions, and how far it has read."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]  # they are public

from framehop.errors import ClosedError, FramehopError, LogUnavailableError
from framehop.log.kafka.connection import REQUEST_S, RETRY_S, Connection, client_id, patiently, settings
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import from_client, to_client
from framehop.log.kafka.partition_scan import without_group
from framehop.timing import Deadline
from framehop.types import Partition

logger = logging.getLogger(__name__)

GROUP_LOOK_S = 1.0
LONG_SESSION_S = 20.0
BALANCE_S = 3.0


def warn_of_long_session(connection: Connection, group: str) -> None:
    """Warn of a long session timeout. With `group.protocol: consumer` the broker decides how long a dead worker keeps its
    partitions, 45 s by default."""
    if not connection.options.by_broker:
        return
    resource = ConfigResource(ResourceType.GROUP, group)
    try:
        with translated(connection.url, connection.causes):
            futures = connection.admin.describe_configs([resource], request_timeout=REQUEST_S)
            session_s = int(futures[resource].result(REQUEST_S)["consumer.session.timeout.ms"].value) / 1000
    except (FramehopError, KeyError, TypeError) as error:
        # There is no right to look, the broker is older than 4.0, or it hides the value.
        logger.info("the session timeout of group %s is not known: %s", group, error)
        return
    if session_s > LONG_SESSION_S:
        logger.warning(
            "a worker that dies keeps its partitions for %.0f s: lower consumer.session.timeout.ms of group %s, see docs/kafka.md",
            session_s,
            group,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """A member of a group. `member_id`: the broker's name for it, new with every start. `name`: a static member's own, else its id
    and where it runs. `foreign`: it belongs to another application, judging by the names that it gives itself."""

    member_id: str
    name: str
    partitions: frozenset[Partition]
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group as its coordinator sees it. `stable`: nobody joins or leaves; otherwise the members' partitions are unknown."""

    stable: bool
    members: tuple[GroupMember, ...]

    def owners(self) -> dict[Partition, str]:
        """Return the name of each partition's owner."""
        return {partition: member.name for member in self.members for partition in member.partitions}


def view_of(connection: Connection, group: str) -> GroupView:
    """Describe the group. Raises LogAccessError without the right to do so, LogUnavailableError while it has no coordinator.

    It asks only while a broker answers, so that an outage of all of them leaves nothing that waits (see `Descriptions`).
    """
    connection.check_reached()
    with translated(connection.url, connection.causes):
        found = connection.descriptions.of(group).result(REQUEST_S)
    return GroupView(
        stable=found.state is ConsumerGroupState.STABLE,
        members=tuple(_member(member, group, connection) for member in found.members),
    )


def _member(found: Any, group: str, connection: Connection) -> GroupMember:
    name = found.group_instance_id or f"{found.member_id}@{found.host.removeprefix('/')}"
    return GroupMember(
        member_id=found.member_id,
        name=name.removeprefix(f"{group}."),
        partitions=frozenset(map(from_client, found.assignment.topic_partitions)),
        foreign=not (name.startswith(f"{group}.") or found.client_id in _our_client_ids(connection)),
    )


def _our_client_ids(connection: Connection) -> set[str]:
    return {client_id("worker"), str(connection.options.client.get("client.id", ""))}


def owners_of(connection: Connection, group: str) -> dict[Partition, str]:
    """Return the owner's name by partition that has one. Waits, within a bound, while the group is being balanced."""
    deadline = Deadline.after(BALANCE_S)
    while True:
        view = patiently(connection, lambda: view_of(connection, group))
        if view.stable or not view.members or deadline.expired:
            return view.owners()
        time.sleep(RETRY_S)


class GroupOffsets:
    """Committed offsets of one group. Thread-safe. Waits for transactions that are about to move them.

    It uses a consumer that never joins, because the admin client's `list_consumer_group_offsets` ends the whole process by SIGSEGV
    when the coordinator is new or moves: https://github.com/confluentinc/librdkafka/issues/5040.
    """

    def __init__(self, connection: Connection, group: str) -> None:
        self._connection = connection
        self._causes = Causes()
        config = without_group(settings(connection.url, connection.options, "offsets", self._causes))
        self._settings = config | {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        # The client lets one thread at a time look, and closes only between two looks.
        self._looking = threading.Lock()
        self._closed = False
        self._consumer = self._make()

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the committed offset of each partition that has one. Raises ClosedError, also where `close` is called
        meanwhile."""
        wanted = [to_client(partition) for partition in partitions]
        if not wanted:
            return {}
        deadline = Deadline.after(REQUEST_S)
        while True:
            try:
                with self._looking:
                    return self._look(wanted)
            except LogUnavailableError:
                if deadline.expired:
                    raise

    def _look(self, wanted: list[TopicPartition]) -> dict[Partition, int]:
        if self._closed:
            raise ClosedError(f"the log {self._connection.url} is closed")
        try:
            with translated(self._connection.url, self._causes):
                return self._found(self._consumer.committed(wanted, timeout=GROUP_LOOK_S))
        except LogUnavailableError:
            self._raise_refusal()
            raise

    def _make(self) -> Consumer:
        with translated(self._connection.url, self._causes):
            return Consumer(self._settings)

    def _found(self, answers: list[TopicPartition]) -> dict[Partition, int]:
        for answer in answers:
            if answer.error is not None and not (
                answer.error.code() in MISSING and self._connection.may_vanish(answer.topic)
            ):
                raise explain(answer.error, self._connection.url, answer.topic)
        return {from_client(answer): answer.offset for answer in answers if answer.offset >= 0}

    def _raise_refusal(self) -> None:
        """Raise the reason for a time-out if it is a missing right to the group. A consumer says so in one message only, so the
        next look takes another one."""
        message = self._consumer.poll(0)
        error = message.error() if message is not None else None
        if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            refused, self._consumer = self._consumer, self._make()
            refused.close()
            raise explain(error, self._connection.url)

    def close(self) -> None:
        """Close the client, at the latest GROUP_LOOK_S after a look began that is under way. Closing twice is harmless."""
        self._closed = True
        with self._looking:
            self._consumer.close()
