"""The streams that are open in a writer, and what the broker has acknowledged of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from framehop.account import IngestAccount
from framehop.errors import FramehopError, InvalidArgumentError, StreamBusyError
from framehop.log.kafka.stream_store import Acknowledged, StoredStream, StreamStore
from framehop.log.locks import FileLock
from framehop.timing import now_us
from framehop.types import FrameKey

logger = logging.getLogger(__name__)


class Sent(NamedTuple):
    """The facts to remember of a frame that the client has. `size`: of its payload."""

    key: FrameKey
    origin: str
    size: int


@dataclass(slots=True)
class OpenStream:
    """A stream that is open here. `sent` and `acked` count frames of this writer. `labels`: the stream's own."""

    row: StoredStream
    lock: FileLock
    sent: int = 0
    acked: int = 0
    finish_at: int | None = None
    failure: FramehopError | None = None
    taken: frozenset[str] = frozenset()
    account: IngestAccount | None = None
    account_at: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def quiet(self) -> bool:
        """Whether everything that was sent is acknowledged."""
        return self.sent == self.acked


class StreamLedger:
    """Keeps the open streams, and writes down what is acknowledged. Not thread-safe: the writer holds its lock around each call."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self._streams: dict[str, OpenStream] = {}
        self._acknowledged: dict[str, Acknowledged] = {}  # not yet written down

    # ---- open streams

    def lock(self, stream: str) -> FileLock:
        """Become the stream's one writer on this host. Raises StreamBusyError."""
        if stream in self._streams:
            raise StreamBusyError(f"stream {stream} is open in this writer already: give each source its own --stream")
        return self._store.lock(stream)

    def load(self, stream: str) -> StoredStream | None:
        """Return what the store knows of a stream, None if nothing."""
        return self._store.load(stream)

    def open(
        self,
        stream: str,
        row: StoredStream,
        origins: Iterable[tuple[int, str]],
        lock: FileLock,
        labels: Mapping[str, str],
    ) -> None:
        """Keep a stream from here on. `origins`: those of frames up to `row.seq` that are not stored yet."""
        self._store.save(stream, row, origins)
        taken = self._store.taken(stream, row.epoch)
        self._streams[stream] = OpenStream(row=row, lock=lock, taken=taken, labels=labels)

    def find(self, stream: str) -> OpenStream | None:
        """Return a stream if it is open here."""
        return self._streams.get(stream)

    def held(self, stream: str) -> OpenStream:
        """Return an open stream. Raises InvalidArgumentError when it is not open, and the failure of one that has ended."""
        if stream not in self._streams:
            raise InvalidArgumentError(f"stream {stream!r} is not open in this writer: call open_stream first")
        held = self._streams[stream]
        if held.failure is not None:
            raise held.failure
        return held

    def begin_pass(self, stream: str, held: OpenStream, row: StoredStream) -> None:
        """Begin another epoch of an open stream, and store it."""
        self._store.save(stream, row)
        held.row, held.taken = row, frozenset()

    def forget(self, stream: str) -> None:
        """Take a stream out; its lock stays with whoever has it."""
        self._streams.pop(stream, None)

    # ---- what is acknowledged

    def keep_account(self, account: IngestAccount) -> None:
        """Keep an account once the frames that were sent before it are acknowledged."""
        held = self.held(account.stream)
        held.account, held.account_at = account, held.sent
        self._settle(account.stream, held)

    def finish_pass(self, stream: str) -> None:
        """Mark the source finished once its last frame is acknowledged."""
        held = self.held(stream)
        held.finish_at = held.sent
        self._settle(stream, held)

    def remember(self, held: OpenStream, sent: Sent, offset: int) -> None:
        """Note that the broker has a frame at `offset`. A stream that cannot be marked finished then, as on a full disk, fails by
        itself: whoever calls has the other streams, too."""
        key, origin = sent.key, sent.origin
        held.acked += 1
        last = self._acknowledged.get(key.stream)
        if last is None or last.epoch != key.epoch:
            last = self._acknowledged[key.stream] = Acknowledged(epoch=key.epoch)
        last.seq, last.offset = key.seq, offset
        if origin:
            last.origins.append((key.seq, origin))
        try:
            self._settle(key.stream, held)
        except FramehopError as error:
            held.failure = error

    def _settle(self, stream: str, held: OpenStream) -> None:
        """Mark a source finished once its last frame is acknowledged, and keep an account once its frames are."""
        if held.account is not None and held.acked >= held.account_at:
            account, held.account = held.account, None
            self._keep(account)
        if held.finish_at is not None and held.acked >= held.finish_at:
            held.finish_at = None
            self._move()
            held.row = replace(self._store.load(stream) or held.row, finished_us=now_us())
            self._store.save(stream, held.row)

    def _keep(self, account: IngestAccount) -> None:
        try:
            self._store.keep_account(account)
        except FramehopError as error:  # a full disk; the next account is kept, or the one before stays
            logger.warning("ingest's account of %s is not kept: %s", account.stream, error)

    def write_down(self) -> None:
        """Write down what is acknowledged."""
        try:
            if self._acknowledged:
                self._move()
        except FramehopError as error:  # a full disk; after a crash less is known, and the partition is read instead
            logger.warning("what was acknowledged is not remembered: %s", error)

    def _move(self) -> None:
        self._store.move(self._acknowledged)
        self._acknowledged = {}

    def close(self) -> None:
        for held in self._streams.values():
            held.lock.release()
        self._store.close()
