"""A member of a consumer group: it reads frames from Kafka and writes events and offsets back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException

from framehop.budgets import HANDOVER_S
from framehop.log.kafka.commits import Commits
from framehop.log.kafka.connection import FETCH_WAIT_MS, REQUEST_S, Connection, settings
from framehop.log.kafka.delivery import AtLeastOnce, EventDelivery, ExactlyOnce
from framehop.log.kafka.ending import Ending
from framehop.log.kafka.errors import Causes, explain, translated
from framehop.log.kafka.groups import warn_of_long_session
from framehop.log.kafka.handoff import Handoff
from framehop.log.kafka.member import MemberClient
from framehop.log.kafka.member_progress import MemberProgress
from framehop.log.kafka.offsets import OffsetCommits
from framehop.log.kafka.output_records import Outputs
from framehop.log.kafka.partition_scan import without_group
from framehop.log.kafka.rebalance import Rebalance
from framehop.log.kafka.receiver import RecordReceiver
from framehop.protocols import BeginAt, CommitResult, PartitionsCallback, Start, Tenure, TenuresCallback
from framehop.timing import Deadline
from framehop.types import Event, FrameRecord, Partition

logger = logging.getLogger(__name__)


class KafkaConsumer:
    """The log's FrameConsumer. Call `poll` from one thread, `commit`, `wake` and the properties from any.

    A thread of its own talks to the broker, whatever the worker is doing, so that a slow model never costs the membership. `poll`
    calls `on_assign` and `on_revoke`. Partitions that were lost (this member was silent for longer than the session timeout) are
    revoked too late for a commit, as `CommitResult.lost` reports. `close` does not call `on_revoke`.

    Its parts: `RecordReceiver` and `Rebalance` belong to that thread, `Commits` and `MemberProgress` are shared and own the locks.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        *,
        member: str,
        start: Start,
        begin_at: BeginAt | None,
        on_assign: TenuresCallback | None,
        on_revoke: PartitionsCallback | None,
    ) -> None:
        self._url = connection.url
        self._on_assign = on_assign or _ignore
        self._on_revoke = on_revoke or _ignore
        self._causes = Causes()
        self._frames_read = 0
        known = frozenset(connection.frame_partitions())  # topics that come later are read from their beginning
        if not known:
            logger.warning("%s: no topic fits %s yet; waiting for one", self._url, connection.frames.text)
        self._ending, self._progress = Ending(), MemberProgress()
        self._handoff = Handoff(connection.options.prefetch_bytes // 2)
        offsets = OffsetCommits(self._url, self._progress)
        self._member = self._open(connection, self._url.group(group), member, offsets)
        delivery = _delivery(connection, f"{self._member.group}.{member}", self._member.outputs.largest)
        self._commits = Commits(self._member, delivery, offsets)
        self._rebalance = Rebalance(self._member, self._commits, start=start, begin_at=begin_at, known=known)
        self._receiver = RecordReceiver(self._member, self._commits)
        self._thread = threading.Thread(target=self._serve, name="kafka-consumer", daemon=True)
        self._thread.start()

    def _open(self, connection: Connection, group: str, name: str, offsets: OffsetCommits) -> MemberClient:
        """Open the client and return what the parts share. Raises LogNotFoundError when a topic for outputs is missing."""
        outputs = Outputs(connection)
        warn_of_long_session(connection, group)
        config = _settings(connection, group, f"{group}.{name}", self._causes) | {"on_commit": offsets.on_commit}
        with translated(self._url, self._causes):
            consumer = Consumer(config)
        return MemberClient(
            connection=connection,
            group=group,
            consumer=consumer,
            progress=self._progress,
            outputs=outputs,
            handoff=self._handoff,
            ending=self._ending,
        )

    # ---- the worker's side

    @property
    def assignment(self) -> frozenset[Partition]:
        return self._progress.owned

    @property
    def frames_read(self) -> int:
        return self._frames_read

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        deadline = Deadline.after(timeout_s)
        while True:
            self._ending.check_open()
            self._heed()
            found = self._handoff.take(max_frames, deadline.remaining_s)
            pending = self._heed()
            if found or deadline.expired or not pending:
                self._frames_read += len(found)
                return found

    def _heed(self) -> bool:
        """Call back for each notice; return whether there was any."""
        notice = first = self._handoff.take_notice()
        while notice is not None:
            try:
                if notice.gained:
                    self._on_assign(notice.gained)
                if notice.revoked:
                    self._on_revoke(notice.revoked)
            finally:
                notice.heeded.set()
            notice = self._handoff.take_notice()
        return first is not None

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        return self._commits.commit(events, marks, metadata or {}, tenures)

    def positions(self) -> dict[Partition, int]:
        return self._progress.positions()

    def wake(self) -> None:
        self._handoff.wake()

    # ---- the thread
    #
    # Only this thread calls the consumer: a call from another thread waits until poll() is not running, which may be never (found
    # with confluent-kafka 2.16.1).

    def _serve(self) -> None:
        try:
            with translated(self._url, self._causes):
                self._rebalance.subscribe()
                while not self._ending.begun:
                    self._receiver.fetch()
                    self._commits.note_generation()
                    self._commits.tidy()
                    self._rebalance.cover()
        except Exception as error:  # noqa: BLE001  handed to the worker's thread, which raises it
            self._handoff.fail(_replaced(error, self._member.connection) or error)

    # ---- the end

    def close(self) -> None:
        if not self._ending.begin():
            return
        self._handoff.wake()
        self._thread.join(HANDOVER_S + REQUEST_S)
        self._rebalance.close()
        self._commits.close()
        self._member.consumer.close()

    @property
    def closed(self) -> bool:
        return self._ending.begun

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _settings(connection: Connection, group: str, instance: str, causes: Causes) -> dict[str, Any]:
    """Return the settings of a member of `group`. `instance`: its name, by which the broker knows it again."""
    url, options = connection.url, connection.options
    session_ms = int(options.session_timeout_s * 1000)
    config: dict[str, Any] = {
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": session_ms,
        # A member learns by its heartbeat that another has left: within a second, since the promise is session + 1 s.
        "heartbeat.interval.ms": max(100, min(1000, session_ms // 4)),
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "fetch.queue.backoff.ms": 10,  # librdkafka's 1000 can stall a bounded prefetch for a second at a time
        "queued.max.messages.kbytes": options.prefetch_bytes // 2 >> 10,
        **settings(url, options, "worker", causes),
    }
    if config.get("group.protocol") == "consumer":  # KIP-848 keeps these settings on the broker
        config = without_group(config) | {
            name: value for name, value in options.client.items() if name.startswith("group.")
        }
    return config | {
        "group.id": group,
        **({"group.instance.id": instance} if options.membership == "static" else {}),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }


def _delivery(connection: Connection, instance: str, largest: int) -> EventDelivery:
    """Return the delivery that the options ask for. `largest`: bytes of a record that the topics take."""
    if connection.options.delivery == "exactly-once":
        return ExactlyOnce(connection, instance, largest=largest)
    return AtLeastOnce(connection, instance, largest=largest)


def _replaced(error: Exception, connection: Connection) -> Exception | None:
    """Return the error for a replaced member. That is the only fatal error of a static member of a classic group, and its code does
    not tell the cause."""
    cause = error.__cause__
    fatal = isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError._FATAL
    classic = connection.options.client.get("group.protocol", "classic") == "classic"
    if not (fatal and classic and connection.options.membership == "static"):
        return None
    return explain(KafkaError(KafkaError.FENCED_INSTANCE_ID), connection.url)


def _ignore(_partitions: frozenset[Partition] | Mapping[Partition, Tenure]) -> None:
    """Stand in for a callback that was not given."""
