"""The log in Kafka, with the same protocol as the embedded one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Self

from confluent_kafka import KafkaError

from framehop.account import IngestAccount
from framehop.errors import FramehopError
from framehop.handles import Handles
from framehop.log.kafka.connection import REQUEST_S, Connection
from framehop.log.kafka.consumer import KafkaConsumer
from framehop.log.kafka.errors import translated
from framehop.log.kafka.event_scan import events_end, events_of
from framehop.log.kafka.frame_clients import FrameClients
from framehop.log.kafka.gaps import gaps_of
from framehop.log.kafka.groups import GroupOffsets, owners_of
from framehop.log.kafka.lag import lags
from framehop.log.kafka.link import KafkaLink
from framehop.log.kafka.member_slots import MemberSlots
from framehop.log.kafka.offset_queries import begins, ends
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.partition_scan import PartitionScan, frames_before
from framehop.log.kafka.reader import KafkaEventReader
from framehop.log.kafka.stream_store import accounts_of, state_directory
from framehop.log.kafka.topic_checks import Finding, check_topics
from framehop.log.kafka.topics import TopicPlan, TopicState, create_topics, describe_topics
from framehop.log.kafka.url import KafkaUrl
from framehop.log.kafka.wire import NotOursError, parse_frame, parse_letter, payload_of, pointer_of
from framehop.log.kafka.writer import KafkaWriter
from framehop.log.names import check_name
from framehop.protocols import (
    BeginAt,
    Delivery,
    OtherCallback,
    PartitionsCallback,
    ProgressCallback,
    Start,
    TenuresCallback,
)
from framehop.types import (
    DeadLetter,
    EventRecord,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
    PartitionLag,
    check_reader_group,
)

logger = logging.getLogger(__name__)


class KafkaLog:
    """The FrameLog in Kafka. Thread-safe. `close` also closes the writers, consumers and readers made from it.

    Opening it waits for a broker. Raises LogUnavailableError, LogAccessError, ConfigError.
    """

    def __init__(self, url: str, *, options: KafkaOptions | None = None, quiet: bool = False) -> None:
        """Open the log. `quiet`: say nothing while no broker answers."""
        self._url = KafkaUrl.parse(url)
        self._options = options or KafkaOptions()
        self._connection = Connection(self._url, self._options, quiet=quiet)
        self._lock = threading.Lock()
        self._handles = Handles(self.url)
        self._slots = MemberSlots()
        self._groups: dict[str, GroupOffsets] = {}
        self._frames = FrameClients(self._connection)

    @property
    def url(self) -> str:
        return str(self._url)

    @property
    def partitions(self) -> int:
        self._check_open()
        return len(self._connection.frame_partitions())

    @property
    def delivery(self) -> Delivery:
        return self._options.delivery

    def writer(self) -> KafkaWriter:
        self._check_open()
        return self._handles.keep(KafkaWriter(self._connection))

    def link(self) -> KafkaLink:
        """Return the way of a spool's frames into the log."""
        self._check_open()
        return self._handles.keep(KafkaLink(self._connection))

    def consumer(
        self,
        group: str,
        *,
        member: str,
        start: Start = "beginning",
        begin_at: BeginAt | None = None,
        on_assign: TenuresCallback | None = None,
        on_revoke: PartitionsCallback | None = None,
    ) -> KafkaConsumer:
        self._check_open()
        check_name("group", group)
        check_name("member", member)
        return self._handles.keep(
            KafkaConsumer(
                self._connection,
                group,
                member=member,
                start=start,
                begin_at=begin_at,
                on_assign=on_assign,
                on_revoke=on_revoke,
            )
        )

    def look_back(self, partition: Partition, offset: int, within_us: int) -> Iterator[FrameMeta]:
        """Iterate as the protocol says. Kafka cannot read a record without its value, so their pictures come over the network."""
        self._check_open()
        return frames_before(self._connection, partition, offset, within_us)

    def members(self, group: str, count: int) -> list[str]:
        """Return names made of host and slot. A supervisor that restarts on this host gets the same names, so that the broker knows
        its workers."""
        self._check_open()
        check_name("group", group)
        return self._slots.take(state_directory(self._url, self._options), group, count)

    def events(self, *, start: Start = "beginning", since_us: int | None = None, group: str = "") -> KafkaEventReader:
        """Read events. A group's position is that of the Kafka group PREFIX.GROUP, which nobody joins."""
        self._check_open()
        return self._handles.keep(
            KafkaEventReader(self._connection, start, since_us, check_reader_group(group) if group else "")
        )

    def events_of(self, partition: Partition, since: int) -> Iterator[EventRecord]:
        self._check_open()
        return events_of(self._connection, partition, since)

    def events_end(self, partition: Partition) -> int:
        self._check_open()
        return events_end(self._connection, partition)

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        """Iterate over all frames. Kafka cannot read a record without its value, so every picture comes over the network."""
        self._check_open()
        starts = begins(self._connection, self._connection.frame_partitions())
        with PartitionScan(self._connection, starts) as scan:
            for message in scan:
                try:
                    yield parse_frame(message)
                except NotOursError:
                    if on_other is not None:
                        on_other(pointer_of(message))

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        """Report none: this client cannot tell, since brokers check the checksum of what they receive, and records carry no
        other."""
        return iter(())

    def lost_events(self) -> int:
        """Return 0: offsets do not tell, since transactions and gap records take some too."""
        return 0

    def known_streams(self) -> dict[str, Partition]:
        """Return none: Kafka remembers records, not streams."""
        return {}

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        """Read one frame, quickest when it is among the next ones after a frame that was read before."""
        self._check_open()
        message = self._frames.read(pointer)
        if message is None:
            return None
        try:
            meta = parse_frame(message)
        except NotOursError:
            return None
        return FrameRecord(meta=meta, payload=payload_of(message, meta))

    def ingest_accounts(self) -> list[IngestAccount]:
        self._check_open()
        return accounts_of(self._connection.url, self._connection.options)

    def dead_letters(self, lane: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over the dead letters. A letter may come twice, as its event may, so memory grows with their number."""
        self._check_open()
        topic, seen = self._url.deadletter, set[str]()
        starts = begins(self._connection, self._connection.partitions_of(topic))
        with PartitionScan(self._connection, starts) as scan:
            for message in scan:
                try:
                    letter = parse_letter(message).public
                except NotOursError as error:
                    logger.warning("%s/%s@%s is passed over: %s", topic, message.partition(), message.offset(), error)
                    continue
                if letter.id not in seen and (lane is None or (letter.event and letter.event.lane == lane)):
                    seen.add(letter.id)
                    yield letter

    def gaps(self) -> list[Gap]:
        """Return the gaps that workers have written, and what retention has removed from each partition since it was made."""
        self._check_open()
        return gaps_of(self._connection)

    def end_offsets(self) -> dict[Partition, int]:
        self._check_open()
        return ends(self._connection, self._connection.frame_partitions())

    def committed(self, group: str) -> dict[Partition, int]:
        with self._lock:
            self._check_open()  # under the lock, so that `close` finds every client that was made
            if group not in self._groups:
                self._groups[group] = GroupOffsets(self._connection, self._url.group(group))
            offsets = self._groups[group]
        return offsets.committed(self._connection.frame_partitions())

    def lag(self, group: str) -> list[PartitionLag]:
        """Measure the lag. Reads one frame of each partition that is behind, for its time."""
        committed, end = self.committed(group), self.end_offsets()
        return lags(self._connection, committed, end, owners_of(self._connection, self._url.group(group)))

    def forget_group(self, group: str) -> None:
        """Delete a group's offsets. Raises LogError while a member of it lives."""
        self._check_open()
        name = self._url.group(group)
        try:
            with translated(self._url, self._connection.causes):
                self._connection.admin.delete_consumer_groups([name], request_timeout=REQUEST_S)[name].result(REQUEST_S)
        except FramehopError as error:
            cause = error.__cause__
            if cause is None or cause.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise

    # ---- only for Kafka

    def create_topics(self, plan: TopicPlan | None = None, *, frames: Sequence[str] = ()) -> dict[str, bool]:
        """Make the topics that are missing and return by topic whether it was made. `frames`: topics for frames, which must fit the
        options' `frames_topic`; by default the one topic that these name, if it is no template. Raises ConfigError."""
        self._check_open()
        return create_topics(self._connection, plan or TopicPlan(), frames)

    def describe_topics(self) -> list[TopicState]:
        """Describe the existing topics, those for frames first. Raises LogNotFoundError."""
        self._check_open()
        return describe_topics(self._connection)

    def check_topics(self, largest_frame: int = 0) -> list[Finding]:
        """Return which settings of topics and brokers to change, for pictures of up to `largest_frame` bytes."""
        self._check_open()
        return check_topics(self._connection, largest_frame)

    def close(self) -> None:
        self._close(failed=False)

    def _close(self, *, failed: bool) -> None:
        with ExitStack() as rest:  # it is closed too where a handle fails
            rest.callback(self._slots.release)
            rest.callback(self._close_clients)
            if not self._handles.close(failed=failed):
                rest.pop_all()

    def _close_clients(self) -> None:
        self._frames.close()
        with self._lock:
            groups = list(self._groups.values())
        for offsets in groups:
            offsets.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close(failed=exc[0] is not None)

    def _check_open(self) -> None:
        self._handles.check_open()
