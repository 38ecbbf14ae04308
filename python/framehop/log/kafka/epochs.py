"""Find where a stream's epoch goes on in Kafka, or where a new one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.partition_scan import find_last_seq
from framehop.log.kafka.producers import Producers
from framehop.log.kafka.stream_store import StoredStream
from framehop.passes import LastPass, next_epoch, next_pass
from framehop.types import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStart:
    """The place where a stream's writer goes on. `origins`: those of frames that the store did not remember. `done`, `replaced`: as
    in StreamState."""

    row: StoredStream
    origins: list[tuple[int, str]]
    done: bool
    replaced: bool


class Epochs:
    """Decides where streams go on. Thread-safe, without a lock. It asks the broker, which may answer slowly: call it without the
    lock that every stream's frames need."""

    def __init__(self, connection: Connection, producers: Producers) -> None:
        self._connection, self._producers = connection, producers
        self._frames = connection.frames

    def start(
        self,
        stream: str,
        last: StoredStream | None,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None,
        labels: Mapping[str, str],
    ) -> EpochStart:
        """Decide for a writer that opens the stream. `last`: the stream's row in the store. `labels`: the stream's own. The rest is
        as for `next_pass`."""
        plan = next_pass(_last_pass(last), source=source, finite=finite, run_since_us=run_since_us)
        # An epoch continues in its own topic, unless nobody would read it there any more.
        resumes = plan.resumes and last is not None and self._frames.matches(last.topic)
        origins: list[tuple[int, str]] = []
        if last is not None and resumes:
            row, origins = self._recovered(stream, replace(last, source=source))
        else:
            row = self.new(stream, last.epoch if last else 0, source, 0, labels)
        return EpochStart(row=row, origins=origins, done=plan.done and resumes, replaced=plan.replaced)

    def _recovered(self, stream: str, row: StoredStream) -> tuple[StoredStream, list[tuple[int, str]]]:
        """Return the row moved past frames that the partition holds but the store did not remember. They were acknowledged to
        nobody, but they exist."""
        self._producers.topic(row.topic)
        seq, offset, origins = find_last_seq(
            self._connection,
            stream,
            epoch=row.epoch,
            partition=Partition(row.topic, row.partition),
            seq=row.seq,
            offset=row.offset,
        )
        return replace(row, seq=seq, offset=offset), origins

    def new(self, stream: str, last: int, source: str, pass_index: int, labels: Mapping[str, str]) -> StoredStream:
        """Return the row of an epoch that begins after epoch `last`. Raises LogNotFoundError."""
        place = self._producers.begin(stream, labels)
        return StoredStream(
            epoch=next_epoch(last),
            source=source,
            pass_index=pass_index,
            finished_us=0,
            topic=place.partition.topic,
            partition=place.partition.number,
            seq=-1,
            offset=place.offset - 1,
        )


def _last_pass(row: StoredStream | None) -> LastPass | None:
    return LastPass(source=row.source, epoch=row.epoch, finished_us=row.finished_us) if row is not None else None
