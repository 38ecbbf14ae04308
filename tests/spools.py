"""A spool before a log in memory, and one before any log of the contracts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from framehop.account import IngestAccount
from framehop.errors import LogError, LogUnavailableError, StreamBusyError
from framehop.log.spool.behind import Told
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.writer import SpoolingWriter
from framehop.partitioning import partition_of
from framehop.passes import next_epoch
from framehop.protocols import Ack
from framehop.testing.memory_log import MemoryLog
from framehop.testing.memory_store import TOPIC, MemoryStore, MemoryStream
from framehop.testing.memory_writer import MemoryWriter
from framehop.types import Frame, Gap, Partition, Place, StreamState
from tests.logs import TIMEOUT_S, is_whole, make_frame
from tests.waiting import until

MIB = 1 << 20
SIZE = 64 << 10
FITS = MIB // SIZE  # frames that the log's queue takes


class MemoryLink(MemoryWriter):
    """The Link to a log in memory. It takes frames while the log is full, as a Kafka client does, until its queue is full too."""

    def __init__(self, store: MemoryStore, queue_bytes: int, behind: MemoryBehind) -> None:
        super().__init__(store, queue_bytes)
        self._behind = behind

    def check(self) -> None:
        if self._behind.failure is not None:
            raise self._behind.failure

    def place(self, stream: str, labels: Mapping[str, str]) -> Place:
        self._behind.check()
        self._behind.labels.append((stream, dict(labels)))
        number = partition_of(stream, len(self._store.frames))
        return Place(partition=Partition(TOPIC, number), offset=self._store.ends[number])

    def last_seq(self, stream: str, epoch: int, place: Place) -> int:
        self._behind.check()
        with self._store.changed:
            found = self._store.frames[place.partition.number].items()
            keys = [record.meta.key for offset, record in found if offset >= place.offset]
        return max((key.seq for key in keys if (key.stream, key.epoch) == (stream, epoch)), default=-1)

    def send(self, frame: Frame, to: Partition, told: Told, timeout_s: float) -> bool:
        def store() -> Callable[[], None]:
            ack = self._store.append(frame)
            self._behind.sent.append(frame)
            return lambda: told(ack)

        return self._put(len(frame.payload), store, timeout_s)

    def report(self, gap: Gap) -> None:
        self._behind.check()
        with self._store.changed:
            self._store.gaps.append(gap)


class MemoryBook:
    """This host's memory, as the log in memory has it."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._held: set[str] = set()

    def begin(self, stream: str, source: str) -> int:
        with self._store.changed:
            row = self._store.streams.setdefault(stream, MemoryStream())
            if row.writer is not None:
                raise StreamBusyError(f"stream {stream} is being written already: give each source its own --stream")
            row.writer, row.epoch, row.source, row.finished_us = self, next_epoch(row.epoch), source, 1
            self._held.add(stream)
            return row.epoch

    def next(self, stream: str) -> int:
        with self._store.changed:
            row = self._store.streams[stream]
            row.epoch = next_epoch(row.epoch)
            return row.epoch

    def end(self, stream: str) -> None:
        with self._store.changed:
            if stream in self._held:
                self._held.remove(stream)
                self._store.streams[stream].writer = None

    def keep_account(self, account: IngestAccount) -> None:
        with self._store.changed:
            self._store.accounts[account.stream, account.epoch] = account
            own = sorted(key for key in self._store.accounts if key[0] == account.stream)
            for key in own[:-50]:
                del self._store.accounts[key]

    def close(self) -> None:
        for stream in list(self._held):
            self.end(stream)


class _Opened:
    def __init__(self, log: MemoryLog, behind: MemoryBehind, queue_bytes: int) -> None:
        self._link = MemoryLink(log._store, queue_bytes, behind)
        self._writer = MemoryWriter(log._store, queue_bytes)

    def link(self) -> MemoryLink:
        return self._link

    def writer(self) -> MemoryWriter:
        return self._writer

    def close(self) -> None:
        with self._link._store.changed:  # give up at once on what is not acknowledged, as a Kafka client does
            if self._link._store.full:
                self._link._jobs.clear()
                self._link._undone = 0
        self._link.close()
        self._writer.close()


class MemoryBehind:
    """A log in memory that stands behind a spool. `away`: it cannot be opened, and answers no questions. `failure`: that of its
    links, for good. `sent`: what it was sent, in order. `labels`: with which it was asked for the place of an epoch, by stream."""

    def __init__(self, log: MemoryLog, *, queue_bytes: int = MIB) -> None:
        self.log, self._queue_bytes = log, queue_bytes
        self._away = threading.Event()
        self.failure: LogError | None = None
        self.sent: list[Frame] = []
        self.labels: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return self.log.url

    @property
    def patience_s(self) -> float:
        return 0.5

    def leave(self) -> None:
        """Be away: what is sent waits, until the queue is full."""
        self._away.set()
        self.log.faults.fill()

    def come_back(self) -> None:
        self._away.clear()
        self.log.faults.fill(False)

    def check(self) -> None:
        if self._away.is_set():
            raise LogUnavailableError("the log in memory is away")

    def book(self) -> MemoryBook:
        return MemoryBook(self.log._store)

    def open(self) -> _Opened:
        self.check()
        return _Opened(self.log, self, self._queue_bytes)

    def writer(
        self,
        root: Path,
        *,
        max_bytes: int = 64 * MIB,
        max_age_s: float | None = None,
        drain_bytes_per_s: int | None = None,
    ) -> SpoolingWriter:
        options = SpoolOptions(max_bytes=max_bytes, max_age_s=max_age_s, drain_bytes_per_s=drain_bytes_per_s)
        return SpoolingWriter(self, root, options, queue_bytes=self._queue_bytes)


def kinds(acks: list[Ack]) -> list[str]:
    """Return where each acknowledged frame was."""
    return ["spool" if ack.spooled else "log" for ack in acks]


# ---- a camera


def opened(writer: SpoolingWriter, stream: str = "cam") -> StreamState:
    return writer.open_stream(stream, source="test:cam", finite=False)


def give(writer: SpoolingWriter, state: StreamState, seqs: range, acks: list[Ack], *, key_every: int = 1) -> None:
    for seq in seqs:
        frame = replace(make_frame(state, seq, size=SIZE), keyframe=seq % key_every == 0)
        assert writer.append(frame, acks.append, timeout_s=TIMEOUT_S)


def all_acknowledged(acks: list[Ack], count: int) -> None:
    until(lambda: len(acks) == count, f"{count} acknowledgements")


def check_log(log: MemoryLog, state: StreamState, seqs: list[int]) -> None:
    """The epoch's frames are in the log, once, whole, and in order."""
    found = [meta for meta in log.scan_frames() if meta.key.epoch == state.epoch]
    assert [meta.key.seq for meta in found] == seqs
    for meta in found:
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert is_whole(record)
