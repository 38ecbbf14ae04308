"""A worker's output: events, dead letters and gaps, each addressed to the right partition."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.errors import LIMITS
from framehop.log.kafka.offset_queries import largest_record
from framehop.log.kafka.wire import Record, event_record, gap_record, letter_of_event, letter_of_record
from framehop.types import Event, FramePointer, Gap, Partition

logger = logging.getLogger(__name__)

ADDED_BYTES = 256  # the most that the client adds to key, value and headers; rounded up


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A record to be sent. `identity` is the same when the same record is sent again."""

    identity: str
    topic: str
    partition: int
    key: str
    record: Record


class Outputs:
    """Addresses each record to the partition with the number of the frame's own, modulo the topic's partitions, so that the records
    of one epoch stay in order. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        """Look the topics up. Raises LogNotFoundError when one is missing."""
        self._detections, self._deadletter = connection.url.detections, connection.url.deadletter
        self._event_partitions = connection.partition_count(self._detections)
        self._letter_partitions = connection.partition_count(self._deadletter)
        # One producer writes to both and fills batches up to one limit.
        self.largest = min(largest_record(connection, topic) for topic in (self._detections, self._deadletter))

    def fitted(self, event: Event, record: Record) -> tuple[Event, Record]:
        """Return the event and its record, or a `failed` event without objects if the topics do not take so large a record."""
        size = _size(event.stream, record)
        if size <= self.largest:
            return event, record
        reason = (
            f"event_too_large: {size} bytes with {len(event.objects)} objects, and {self.largest} are allowed; {LIMITS}"
        )
        logger.warning("event %s: %s", event.event_id, reason)
        failed = replace(event, outcome="failed", reason=reason, objects=[])
        return failed, event_record(failed)

    def event(self, event: Event, record: Record) -> Output:
        """Address an event. `record`: the event, encoded."""
        return self._detection(event.event_id, event.frame.partition, event.stream, record)

    def gap(self, partition: Partition, first: int, begin: int) -> Output:
        """Report that retention removed the frames from `first` to before `begin`."""
        logger.warning(
            "frames %d to %d of %s were removed by retention before they were read", first, begin - 1, partition
        )
        gap = Gap(
            reason="retention",
            topic=partition.topic,
            partition=partition.number,
            first_offset=first,
            last_offset=begin - 1,
        )
        return self._detection(f"gap {partition}/{first}-{begin - 1}", partition.number, "", gap_record(gap))

    def letter_of_event(self, event: Event) -> Output:
        """Write a dead letter for a frame that failed."""
        return self._letter(f"dead {event.event_id}", event.frame, event.stream, letter_of_event(event))

    def letter_of_record(self, pointer: FramePointer, reason: str) -> Output:
        """Write a dead letter for a record that is not a frame."""
        identity = f"dead {pointer.topic}/{pointer.partition}/{pointer.offset}"
        return self._letter(identity, pointer, "", letter_of_record(pointer, reason))

    def _detection(self, identity: str, number: int, key: str, record: Record) -> Output:
        partition = number % self._event_partitions
        return Output(identity=identity, topic=self._detections, partition=partition, key=key, record=record)

    def _letter(self, identity: str, pointer: FramePointer, key: str, record: Record) -> Output:
        partition = pointer.partition % self._letter_partitions
        return Output(identity=identity, topic=self._deadletter, partition=partition, key=key, record=record)


def _size(key: str, record: Record) -> int:
    value, headers = record
    return ADDED_BYTES + len(key) + len(value) + sum(len(name) + len(text or "") for name, text in headers)
