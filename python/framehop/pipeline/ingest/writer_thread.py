"""Opens a log for writing in a thread of its own, so that nobody waits for a missing broker."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Self

from framehop.budgets import DESK_CLOSE_S
from framehop.log import LogAt
from framehop.protocols import FrameWriter


class WriterThread:
    """A log's writer in `writer`, or the error that kept it from being opened. Closing twice is harmless."""

    def __init__(self, at: LogAt) -> None:
        self._at = at
        self.writer: Future[FrameWriter] = Future()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._open, name="ingest-log", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        try:
            with self._at.writing() as log, log.writer() as writer:
                self.writer.set_result(writer)
                self._over.wait()
        except BaseException as error:
            if self.writer.done():  # then closing failed, not opening
                raise
            self.writer.set_exception(error)

    def close(self) -> None:
        """Close the log. Its writer waits up to five seconds for what is queued."""
        self._over.set()
        self._thread.join(DESK_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def opened(writer: FrameWriter) -> Future[FrameWriter]:
    """Return a writer that is open already, as whoever expects one of a WriterThread takes it."""
    future: Future[FrameWriter] = Future()
    future.set_result(writer)
    return future
