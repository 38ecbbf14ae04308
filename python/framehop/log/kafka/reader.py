"""Follow the events of a log in Kafka."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from typing import Self

from confluent_kafka import KafkaError, Message

from framehop.errors import ClosedError, LogUnavailableError
from framehop.forks import Home
from framehop.log.event_codec import level_of
from framehop.log.kafka.connection import FETCH_WAIT_MS, SLICE_S, Connection, slice_s
from framehop.log.kafka.errors import Causes, explain, translated
from framehop.log.kafka.offset_queries import begins, ends, offsets_at, to_client
from framehop.log.kafka.partition_scan import SCAN_SILENCE_S, of_no_group, plain_consumer
from framehop.log.kafka.reader_position import GroupPosition
from framehop.log.kafka.start_offsets import behind_its_end
from framehop.log.kafka.wire import NotOursError, parse_outcome, pointer_of
from framehop.protocols import SINCE_MARGIN_US, Start
from framehop.timing import Deadline
from framehop.types import EventRecord, Partition

logger = logging.getLogger(__name__)

CHUNK = 64


class KafkaEventReader:
    """The log's EventReader, which reads committed records. In order per partition, and so per stream and epoch. Use from one
    thread."""

    def __init__(self, connection: Connection, start: Start, since_us: int | None = None, group: str = "") -> None:
        self._connection, self._url = connection, connection.url
        self._topic = self._url.detections
        self._causes = Causes()
        self._closed = False
        self._home = Home()
        self.passed_over = 0
        self._ahead: deque[EventRecord] = deque()
        partitions = connection.partitions_of(self._topic)
        self._position = GroupPosition(connection, self._url.group(group), partitions) if group else None
        known = self._position.stored if self._position is not None else {}
        # A partition added since the group began is read from its beginning.
        fresh = begins(connection, partitions) if known else self._begin(partitions, start, since_us)
        self._next = fresh | known
        if self._position is not None and start == "beginning" and since_us is None:
            self._position.assume(self._next)
        # `_handed` is the offset after the last event handed out, `_done` the offset after the last one that the caller has
        # finished.
        self._handed, self._done = dict(self._next), dict(self._next)
        name = {"group.id": self._url.group(group)} if group else {}
        hooks = {"on_commit": self._position.answers.put} if self._position is not None else {}
        waits = {"fetch.wait.max.ms": connection.options.client.get("fetch.wait.max.ms", FETCH_WAIT_MS)}
        self._consumer = plain_consumer(connection, "reader", self._causes, **waits, **name, **hooks)
        with translated(self._url, self._causes, self._topic):
            self._consumer.assign([to_client(partition, offset) for partition, offset in self._next.items()])

    def _begin(self, partitions: list[Partition], start: Start, since_us: int | None) -> dict[Partition, int]:
        if since_us is not None:
            return offsets_at(self._connection, partitions, since_us - SINCE_MARGIN_US)
        return (ends if start == "latest" else begins)(self._connection, partitions)

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        """Return the next events, at most `max_events`, waiting up to `timeout_s` for the first. With 0 it returns what has arrived
        and reads on to the present end of the log."""
        self._check_open()
        self._settle()
        if not timeout_s:
            return self._take_up_to_end(max_events)
        deadline = Deadline.after(timeout_s)
        while not self._ahead and not deadline.expired:
            self._fetch(min(slice_s(), deadline.remaining_s))
        if len(self._ahead) < max(CHUNK, max_events):  # the client has bounds for the rest
            self._fetch(0.0)
        return [self._hand_out() for _ in range(min(max_events, len(self._ahead)))]

    def _take_up_to_end(self, max_events: int) -> list[EventRecord]:
        found: list[EventRecord] = []
        for record in self._up_to_end():
            found.append(record)
            if len(found) == max_events:
                break
        return found

    def __iter__(self) -> Iterator[EventRecord]:
        self._check_open()
        self._settle()
        for record in self._up_to_end():
            yield record
            self._done = dict(self._handed) if self._position is not None else self._done
            if not self._ahead:
                self._settle()

    def _up_to_end(self) -> Iterator[EventRecord]:
        end = ends(self._connection, self._next)
        deadline = Deadline.after(SCAN_SILENCE_S)
        while True:
            if self._ahead:
                while self._ahead:
                    yield self._hand_out()
                deadline = Deadline.after(SCAN_SILENCE_S)  # the caller's own time is no silence of the broker
            if all(self._next[partition] >= offset for partition, offset in end.items()):
                return
            before = dict(self._next)
            self._fetch(SLICE_S)
            if self._next != before:
                deadline = Deadline.after(SCAN_SILENCE_S)
            if deadline.expired:
                raise LogUnavailableError(f"{self._url}: the broker gives no more events, although there are some")

    def _hand_out(self) -> EventRecord:
        record = self._ahead.popleft()
        self._handed[Partition(self._topic, record.partition)] = record.offset + 1
        return record

    def _settle(self) -> None:
        """Note that the caller has finished the events that it was given."""
        if self._position is None:
            return
        if not self._ahead:  # also pass the records after it that are no events
            self._handed = dict(self._next)
        self._done = dict(self._handed)
        self._position.store(self._consumer, self._done)

    def _fetch(self, timeout_s: float) -> None:
        with translated(self._url, self._causes, self._topic):
            first = self._consumer.poll(timeout_s)
            more = self._consumer.consume(CHUNK, 0) if first is not None else []
        for message in [first, *more] if first is not None else []:
            self._take(message)

    def _take(self, message: Message) -> None:
        pointer, error = pointer_of(message), message.error()
        partition, offset = pointer.topic_partition, pointer.offset
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._next[partition] = max(self._next[partition], offset)
        elif error is not None and error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            self._begin_anew(partition)
        elif error is not None and not of_no_group(error):
            explained = explain(error, self._url, self._topic)
            if not isinstance(explained, LogUnavailableError):
                raise explained
        elif error is None:
            self._next[partition] = offset + 1
            self._keep(message)

    def _keep(self, message: Message) -> None:
        try:
            outcome = parse_outcome(message)
        except NotOursError as error:
            place = f"{message.topic()}/{message.partition()}@{message.offset()}"
            logger.log(level_of(self.passed_over), "%s is passed over: %s", place, error)
            self.passed_over += 1
            return
        if isinstance(outcome, EventRecord):
            self._ahead.append(outcome)

    def _begin_anew(self, partition: Partition) -> None:
        """Continue at the oldest event, because the next one is not there: retention removed it, or the partition has become
        shorter."""
        at, begin = self._next[partition], begins(self._connection, [partition])[partition]
        end = ends(self._connection, [partition])[partition]
        if at > end:
            logger.warning("%s; it is read from its beginning", behind_its_end(partition, at, end))
        else:
            logger.warning("events before %d of %s were removed by retention", begin, partition)
        self._next[partition] = begin
        # seek() would be refused: a partition that was out of range when it was assigned is not being fetched.
        self._consumer.incremental_unassign([to_client(partition)])
        self._consumer.incremental_assign([to_client(partition, begin)])

    def close(self) -> None:
        if not (self._closed or self._home.left):
            self._closed = True
            if self._position is not None:
                self._position.store_last(self._consumer, self._handed)
            self._consumer.close()

    def abandon(self) -> None:
        """Close, so that the next reader of the group gets the events handed out last again."""
        self._handed = self._done
        self.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is not None:
            self.abandon()
        self.close()

    def _check_open(self) -> None:
        self._home.check("this reader of events is")
        if self._closed:
            raise ClosedError("this reader of events is closed")
