"""Gap records that ingest writes: seqs of a stream that will never come."""

from __future__ import annotations

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.delivery import AtLeastOnce
from framehop.log.kafka.offset_queries import largest_record
from framehop.log.kafka.output_records import Output
from framehop.log.kafka.wire import gap_record
from framehop.types import Gap


class GapReports:
    """Writes them by a client of their own, made for the first one: an ingest without the right to write them keeps the client of
    its frames. Use from one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._topic = connection, connection.url.detections
        self._delivery: AtLeastOnce | None = None
        self._partitions = 0

    def report(self, gap: Gap) -> None:
        """Write one, and return once it is durable. It may come twice. Raises LogUnavailableError, LogAccessError."""
        if self._delivery is None:
            self._partitions = self._connection.partition_count(self._topic)
            largest = largest_record(self._connection, self._topic)
            self._delivery = AtLeastOnce(self._connection, "", largest=largest)
        output = Output(
            identity=f"gap {gap.stream}/{gap.epoch}/{gap.first_seq}-{gap.last_seq}",
            topic=self._topic,
            partition=gap.partition % self._partitions,
            key="",
            record=gap_record(gap),
        )
        try:
            self._delivery.deliver([output], [], None)
        except BaseException:
            self._delivery.close()
            self._delivery = None
            raise

    def close(self) -> None:
        if self._delivery is not None:
            self._delivery.close()
