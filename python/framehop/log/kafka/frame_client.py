"""A client of Kafka that reads single frames. It follows each partition that it was asked for, so that the next frame is near."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from framehop.errors import ClosedError
from framehop.log.kafka.connection import SLICE_S, Connection
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import range_of, to_client
from framehop.log.kafka.partition_scan import SCAN_SILENCE_S, of_no_group, plain_consumer
from framehop.log.kafka.wire import pointer_of
from framehop.timing import Deadline
from framehop.types import FramePointer, Partition

NEAR = 64  # records that are read and dropped on the way to a frame; for one further away the client turns to its place
MOST_FOLLOWED = 256  # partitions
MOST_BYTES = 16 << 20  # of records that have come and nobody has asked for
_OUT_OF_RANGE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
_SETTINGS = {"queued.min.messages": NEAR, "queued.max.messages.kbytes": MOST_BYTES >> 10, "fetch.error.backoff.ms": 50}


@dataclass(slots=True)
class _Place:
    """A client's place in one partition. `next_offset`: of the record after the last one that was taken. `ahead`: what has come
    since, and `bytes` the bytes of that."""

    next_offset: int
    ahead: deque[Message] = field(default_factory=deque)
    bytes: int = 0

    def put(self, message: Message) -> None:
        self.ahead.append(message)
        self.bytes += len(message)

    def take(self) -> Message:
        message = self.ahead.popleft()
        self.bytes -= len(message)
        self.next_offset = (message.offset() or 0) + 1
        return message

    def take_up_to(self, offset: int) -> Message | None:
        """Take records up to `offset`; return the last one taken."""
        last = None
        while self.ahead and (self.ahead[0].offset() or 0) <= offset:
            last = self.take()
        return last


class FrameClient:
    """One client and its places. Use from one thread at a time. After an error it is of no more use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._causes = Causes()
        self._consumer = plain_consumer(connection, "frames", self._causes, **_SETTINGS)
        self._places: OrderedDict[Partition, _Place] = OrderedDict()  # the one asked for last is the last

    def comes_to(self, pointer: FramePointer) -> bool:
        """Return whether the record is among the next ones that come by themselves."""
        place = self._places.get(pointer.topic_partition)
        return place is not None and place.next_offset <= pointer.offset <= place.next_offset + NEAR

    def read(self, pointer: FramePointer, stopped: Callable[[], bool]) -> Message | None:
        """Return the record at `pointer`, or None when there is none. Raises LogError, and ClosedError once `stopped` is true."""
        if not self.comes_to(pointer):
            self._turn_to(pointer)
        self._places.move_to_end(pointer.topic_partition)
        deadline = Deadline.after(SCAN_SILENCE_S)
        while not stopped():
            place = self._places[pointer.topic_partition]
            last = place.take_up_to(pointer.offset)
            if last is not None and last.offset() == pointer.offset:
                return last
            if place.ahead or self._has_no(pointer, self._polled(), deadline):
                return None
        raise ClosedError(f"the log {self._connection.url} was closed while it was read")

    def _turn_to(self, pointer: FramePointer) -> None:
        partition = pointer.topic_partition
        self._leave(partition)
        while len(self._places) >= MOST_FOLLOWED:
            self._leave(next(iter(self._places)))
        self._places[partition] = _Place(pointer.offset)
        with translated(self._connection.url, self._causes, pointer.topic):
            self._consumer.incremental_assign([to_client(partition, pointer.offset)])

    def _leave(self, partition: Partition) -> None:
        if self._places.pop(partition, None) is not None:
            with translated(self._connection.url, self._causes, partition.topic):
                self._consumer.incremental_unassign([to_client(partition)])

    def _polled(self) -> Message | None:
        """Wait a slice; put a record to its place, and return an error or None."""
        with translated(self._connection.url, self._causes):
            message = self._consumer.poll(SLICE_S)
        if message is None or message.error() is not None:
            return message
        pointer = pointer_of(message)
        place = self._places.get(pointer.topic_partition)
        if place is not None and pointer.offset >= place.next_offset:
            place.put(message)
            self._forget_what_nobody_asks_for()
        return message

    def _forget_what_nobody_asks_for(self) -> None:
        """Leave partitions whose records only take room, beginning with the one that was asked for longest ago."""
        while len(self._places) > 1 and sum(place.bytes for place in self._places.values()) > MOST_BYTES:
            self._leave(next(iter(self._places)))

    def _has_no(self, wanted: FramePointer, come: Message | None, deadline: Deadline) -> bool:
        """Judge what has come, or that nothing has; return whether there is no record at `wanted`. Raises LogError, also when
        the time is up while records of other partitions come."""
        error, at = (come.error(), pointer_of(come)) if come is not None else (None, None)
        ours = at is not None and at.topic_partition == wanted.topic_partition
        if deadline.expired and not (ours and error is None):
            cause = self._causes.refused or self._causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
            raise explain(cause, self._connection.url, wanted.topic)
        if at is None:
            return not self._is_there(wanted)
        if error is None or of_no_group(error):
            return False
        if ours:
            return self._ends(wanted, error, at)
        if error.code() != KafkaError._PARTITION_EOF:
            self._leave(at.topic_partition)
        return False

    def _ends(self, wanted: FramePointer, error: KafkaError, at: FramePointer) -> bool:
        """Judge an error of the wanted partition. Its end may have been told before the record was there."""
        if error.code() == KafkaError._PARTITION_EOF:
            return at.offset > wanted.offset
        if error.code() in MISSING and self._connection.may_vanish(wanted.topic):
            return True
        if error.code() in _OUT_OF_RANGE:
            there = self._is_there(wanted)
            self._leave(wanted.topic_partition) if not there else self._turn_to(wanted)
            return not there
        raise explain(error, self._connection.url, wanted.topic)

    def _is_there(self, pointer: FramePointer) -> bool:
        """Return whether the offset lies between the oldest record and the end."""
        found = range_of(self._connection, pointer.topic_partition)
        return found is not None and found[0] <= pointer.offset < found[1]

    def close(self) -> None:
        self._consumer.close()
