"""Ingest's memory of its live streams, which needs no broker."""

from __future__ import annotations

import threading

from framehop.account import IngestAccount
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.stream_store import StoredStream, StreamStore, state_directory
from framehop.log.kafka.url import KafkaUrl
from framehop.log.locks import FileLock
from framehop.passes import next_epoch

ENDED = 1  # the epoch of a live source is never continued, so the next writer finds it finished long ago


class KafkaBook:
    """The Book of a spool, in the same store as the log's own writer. Thread-safe."""

    def __init__(self, url: KafkaUrl, options: KafkaOptions) -> None:
        self._lock = threading.Lock()
        self._store = StreamStore(state_directory(url, options), url.frames)
        self._locks: dict[str, FileLock] = {}

    def begin(self, stream: str, source: str) -> int:
        with self._lock:
            lock = self._store.lock(stream)
            try:
                epoch = self._begin(stream, source)
            except BaseException:
                lock.release()
                raise
            self._locks[stream] = lock
            return epoch

    def next(self, stream: str) -> int:
        with self._lock:
            last = self._store.load(stream)
            return self._begin(stream, last.source if last else "")

    def _begin(self, stream: str, source: str) -> int:
        last = self._store.load(stream)
        row = StoredStream(
            epoch=next_epoch(last.epoch if last else 0),
            source=source,
            pass_index=0,
            finished_us=ENDED,
            topic="",
            partition=0,
            seq=-1,
            offset=-1,
        )
        self._store.save(stream, row)
        return row.epoch

    def end(self, stream: str) -> None:
        with self._lock:
            if (lock := self._locks.pop(stream, None)) is not None:
                lock.release()

    def keep_account(self, account: IngestAccount) -> None:
        with self._lock:
            self._store.keep_account(account)

    def close(self) -> None:
        with self._lock:
            for lock in self._locks.values():
                lock.release()
            self._locks.clear()
            self._store.close()
