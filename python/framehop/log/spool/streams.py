"""The streams that are open in a writer with a spool: live ones, and those of sources that can wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from framehop.account import IngestAccount
from framehop.errors import FramehopError, StreamBusyError
from framehop.log.spool.behind import Book
from framehop.log.spool.passage import Passage
from framehop.log.spool.store import SpoolStore

logger = logging.getLogger(__name__)


class OpenStreams:
    """The streams by name, and the book of the live ones, which it owns. Thread-safe."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._live: dict[str, Passage] = {}
        self._films: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, stream: str, source: str, store: SpoolStore | None, labels: Mapping[str, str]) -> Passage:
        """Become the one writer of a live stream, and begin an epoch of it. Raises StreamBusyError, LogError."""
        with self._lock:
            if stream in self._live or stream in self._films:
                raise StreamBusyError(
                    f"stream {stream} is open in this writer already: give each source its own --stream"
                )
            passage = Passage(stream=stream, epoch=self._book.begin(stream, source), store=store, labels=labels)
            self._live[stream] = passage
            return passage

    def follow(self, before: Passage, store: SpoolStore | None) -> Passage:
        """Begin the next epoch of a live stream. What of the one before is on disk goes on into the log. Raises LogError."""
        with self._lock:
            epoch = self._book.next(before.stream)
            passage = Passage(stream=before.stream, epoch=epoch, store=store, labels=before.labels)
            before.open = False
            self._live[passage.stream] = passage
            return passage

    def end(self, passage: Passage) -> None:
        """Give a live stream up. What of its epoch is on disk goes on into the log."""
        passage.open = False
        with self._lock:
            self._live.pop(passage.stream, None)
            self._book.end(passage.stream)

    def find(self, stream: str) -> Passage | None:
        """Return a live stream if it is open here."""
        with self._lock:
            return self._live.get(stream)

    def keep_account(self, account: IngestAccount) -> None:
        try:
            self._book.keep_account(account)
        except FramehopError as error:  # a full disk; the next account is kept, or the one before stays
            logger.warning("ingest's account of %s is not kept: %s", account.stream, error)

    # ---- films, which the log's own writer has

    def add_film(self, stream: str) -> None:
        with self._lock:
            self._films.add(stream)

    def forget_film(self, stream: str) -> None:
        with self._lock:
            self._films.discard(stream)

    def is_film(self, stream: str) -> bool:
        with self._lock:
            return stream in self._films

    def close(self) -> None:
        with self._lock:
            self._book.close()
