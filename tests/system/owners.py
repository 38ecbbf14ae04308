"""Asks the broker, by a client of its own and while faults happen, who owns which partition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from framehop.types import Partition
from tests.system.kafka_house import SESSION_S, KafkaHouse
from tests.waiting import until

LOOK_S = 0.2
ORPHANED_S = 5.0
# Two processes start meanwhile and a watcher asks every 0.2 s, on a machine that may be busy with other tests.
SLACK_S = 10.0
BOUND_S = SESSION_S + ORPHANED_S + SLACK_S


class Owners:
    """Asks `look` for the owner of each partition again and again; '' is nobody. None: it cannot be told now. While it runs, it
    notes for how long each partition was nobody's at a stretch, as far as it could be told at both ends."""

    def __init__(self, look: Callable[[], Mapping[Partition, str] | None]) -> None:
        self._look = look
        self.now: Mapping[Partition, str] = {}
        self.longest_s = 0.0
        self._since: dict[Partition, float] = {}
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Owners:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None and exc[0] is None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_S):
                found = self._look()
                if found is not None:
                    self._note(found, time.monotonic())
        except Exception as error:  # noqa: BLE001  raised at the end, in the test's thread
            self._failure = error

    def _note(self, found: Mapping[Partition, str], now_s: float) -> None:
        self._since = {partition: self._since.get(partition, now_s) for partition, owner in found.items() if not owner}
        self.now = found
        self.longest_s = max([self.longest_s, *(now_s - since for since in self._since.values())])

    def forget(self) -> None:
        """Begin the account anew: what was before belongs to no fault, as when nobody had been started."""
        self._since, self.longest_s = {}, 0.0

    def wait_covered(self, members: int = 0, timeout_s: float = 60) -> None:
        """Wait until every partition has an owner and, with `members`, until there are so many members."""

        def covered() -> bool:
            owners = set(self.now.values())
            return bool(owners) and "" not in owners and len(owners) == (members or len(owners))

        until(covered, f"every partition with one of {members or 'some'} owners", timeout_s)

    def wait_orphaned(self, timeout_s: float = 30) -> None:
        until(lambda: "" in self.now.values(), "a partition that nobody has", timeout_s)


class GroupLook:
    """The broker's description of a group. During a rebalance it names no member's partitions."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
        self._group, self._topic = group, topic

    def __call__(self) -> dict[Partition, str] | None:
        try:
            found = self._admin.describe_consumer_groups([self._group], request_timeout=5)[self._group].result(10)
            topic = self._admin.list_topics(self._topic, timeout=5).topics[self._topic]
        except KafkaException:
            return None
        if found.state not in {ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}:
            return None
        owners = {Partition(self._topic, number): "" for number in topic.partitions}
        for member in found.members:
            for partition in member.assignment.topic_partitions:
                owners[Partition(partition.topic, partition.partition)] = member.group_instance_id or member.member_id
        return owners


def owners_of(kafka: KafkaHouse) -> Owners:
    return Owners(GroupLook(kafka.cluster.bootstrap, f"{kafka.prefix}.detect-main", f"{kafka.prefix}.frames"))
