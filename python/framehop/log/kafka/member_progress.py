"""The progress of a group's member, shared by its worker and the consumer's own thread."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from framehop.log.kafka.commit_progress import CommitProgress
from framehop.log.kafka.output_records import Output
from framehop.log.kafka.start_offsets import StartOffset
from framehop.protocols import Tenure
from framehop.types import Partition


class Pending(NamedTuple):
    """The work that waits to be committed: whether there are outputs of the thread, whether there are offsets, and how many offsets
    a crash would repeat."""

    outputs: bool
    offsets: bool
    ahead: int


class MemberProgress:
    """Keeps what a member owns, how far it has come, and the outputs that the consumer's thread adds to the next delivery: gaps,
    and letters for records that are no frames. They stand for the offsets passed over, so they become durable before these do.

    Thread-safe. It owns its lock, which is held only for moments, never while a broker is asked, and taken last. The consumer's
    thread alone gains and drops partitions and hands frames out.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())  # notified of new offsets, and when partitions go
        self._marks = CommitProgress()
        self._outputs: list[Output] = []

    # ---- partitions

    @property
    def owned(self) -> frozenset[Partition]:
        with self._changed:
            return self._marks.owned

    @property
    def tenures(self) -> dict[Partition, int]:
        """The tenure's number by owned partition."""
        with self._changed:
            return self._marks.tenures

    def gain(self, starts: Sequence[StartOffset], gaps: Sequence[Output]) -> dict[Partition, Tenure]:
        """Begin a tenure of each partition and return them. `gaps`: the outputs for what retention removed before the starts."""
        gained: dict[Partition, Tenure] = {}
        with self._changed:
            for start in starts:
                number = self._marks.assign(start.partition, start.offset, start.committed, start.metadata)
                gained[start.partition] = Tenure(number=number, offset=start.offset, metadata=start.metadata)
            self._outputs.extend(gaps)
        return gained

    def read_again(self, begins: Mapping[Partition, int]) -> None:
        """Note the offsets from which frames are handed out that were done before their tenure began."""
        with self._changed:
            for partition, begin in begins.items():
                self._marks.read_again(partition, begin)

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that the member does not own any more."""
        with self._changed:
            self._marks.drop(partitions)
            self._changed.notify_all()

    # ---- what is read

    def hand_out(self, partition: Partition, offset: int) -> int | None:
        """Note that a frame goes to the worker, and return the tenure's number; None when it must not."""
        with self._changed:
            return self._marks.hand_out(partition, offset)

    def handed(self, partition: Partition) -> int | None:
        """Return the offset after the last frame handed out; None when the partition is not ours."""
        with self._changed:
            return self._marks.handed(partition)

    def unread(self, partition: Partition) -> int | None:
        """Return the first offset that no worker has read; None when the partition is not ours."""
        with self._changed:
            return self._marks.unread(partition)

    def skip(self, partition: Partition, to: int) -> None:
        """Note that there are no frames between the last one handed out and offset `to`."""
        with self._changed:
            self._marks.skip(partition, to)

    def pass_over(self, partition: Partition, first: int, to: int, output: Output) -> None:
        """Note that `output` stands for the offsets from `first` to before `to`, unless they were passed before."""
        with self._changed:
            unread = self._marks.unread(partition)
            if unread is not None and first >= unread:
                self._outputs.append(output)
            self._marks.skip(partition, to)

    # ---- what is committed

    @property
    def at_rest(self) -> bool:
        """Whether everything that was handed out is done, and the broker knows it."""
        with self._changed:
            return not self._outputs and self._marks.at_rest

    def pending(self) -> Pending:
        with self._changed:
            return Pending(bool(self._outputs), bool(self._marks.due()), self._marks.ahead)

    def outputs(self) -> list[Output]:
        """Return the thread's outputs that are not durable yet, the oldest first."""
        with self._changed:
            return list(self._outputs)

    def due(self) -> dict[Partition, tuple[int, str]]:
        """Return the offset to commit and its metadata for each partition where the broker does not know it yet."""
        with self._changed:
            return self._marks.due()

    def due_with(
        self, marks: Mapping[Partition, int], metadata: Mapping[Partition, str]
    ) -> dict[Partition, tuple[int, str]]:
        """Return what will be `due` once these marks are finished, without changing anything."""
        with self._changed:
            return self._marks.due_with(marks, metadata)

    def finish(
        self, marks: Mapping[Partition, int], tenures: Mapping[Partition, int], metadata: Mapping[Partition, str]
    ) -> int:
        """Note that frames below the marks are done and their events durable, where the tenure is still that of `tenures`. Return
        how many offsets a crash would repeat."""
        with self._changed:
            now = self._marks.tenures
            self._marks.finish({at: mark for at, mark in marks.items() if now.get(at) == tenures[at]}, metadata)
            return self._marks.ahead

    def delivered(self, outputs: int, offsets: Mapping[Partition, int]) -> None:
        """Note that so many of the thread's outputs are durable, the oldest first, and offsets that went along with them."""
        with self._changed:
            self._outputs = self._outputs[outputs:]
            self._marks.committed(offsets)

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Note the offsets that the broker has."""
        with self._changed:
            self._marks.committed(offsets)
            self._changed.notify_all()

    def wait_committed(self, marks: Mapping[Partition, int], timeout_s: float) -> None:
        """Wait until the broker has `marks`, as far as the partitions are still ours, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._marks.reached(marks), timeout_s)

    def positions(self) -> dict[Partition, int]:
        """Return by owned partition the next offset to read, as far as the worker has finished."""
        with self._changed:
            return self._marks.positions()
