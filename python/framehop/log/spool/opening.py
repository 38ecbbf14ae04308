"""Opens the log behind a spool, however long it is away, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from framehop.errors import ClosedError, FramehopError, LogUnavailableError, text_of
from framehop.log.spool.behind import LogBehind, OpenLog
from framehop.protocols import FrameWriter
from framehop.timing import Deadline

logger = logging.getLogger(__name__)

RETRY_S = 0.5
AFTER_ERROR_S = 2.0
END_S = 1.0


class Opening:
    """The log, which may answer later. Thread-safe. `why`: why it does not answer yet, once that is known. `failure`: the error
    with which it cannot be opened at all."""

    def __init__(self, behind: LogBehind, on_open: Callable[[OpenLog], None]) -> None:
        self._behind, self._on_open = behind, on_open
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self.log: OpenLog | None = None
        self.opened_writer: FrameWriter | None = None
        self.failure: FramehopError | None = None
        self.why = ""
        self._ready = False
        self._thread = threading.Thread(target=self._run, name="spool-log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.log = self._open()
            except LogUnavailableError as error:
                self._note(why=str(error))
                self._ending.wait(RETRY_S)
            except FramehopError as error:
                self._note(failure=error)
                return
            except Exception as error:  # nobody else opens the log, and frames without end would go to disk
                why = f"{self._behind.url} cannot be opened here: {text_of(error)}"
                if why != self.why:
                    logger.exception("opening %s failed, by a fault of framehop; it is tried again", self._behind.url)
                self._note(why=why)
                self._ending.wait(AFTER_ERROR_S)
            else:
                self._note(ready=True)
                if self._ending.is_set():  # nobody waited for it
                    self.log.close()
                return

    def _open(self) -> OpenLog:
        log = self._behind.open()
        try:
            self._on_open(log)
        except BaseException:
            log.close()
            raise
        return log

    def _note(self, *, why: str = "", failure: FramehopError | None = None, ready: bool = False) -> None:
        if why and not self.why:
            logger.warning("%s; live streams go into the spool until then", why)
        with self._changed:
            self.why, self.failure, self._ready = why, failure, ready
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Wait until the first try has ended, one way or another."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or bool(self.why) or self.failure is not None, timeout_s)

    def writer(self, timeout_s: float) -> FrameWriter:
        """Return the log's own writer, waiting for the log. Raises LogUnavailableError, or the failure."""
        deadline = Deadline.after(timeout_s)
        with self._changed:
            while not self._ready:
                if self.failure is not None:
                    raise self.failure
                if self._ending.is_set():
                    raise ClosedError("this writer of the log is closed")
                if deadline.expired:
                    raise LogUnavailableError(self.why or f"{self._behind.url}: the log does not answer")
                self._changed.wait(min(RETRY_S, deadline.remaining_s))
            assert self.log is not None
            if self.opened_writer is None:
                self.opened_writer = self.log.writer()
            return self.opened_writer

    def close(self) -> None:
        """Close the log, with its writer and its link. A thread that still waits for the log ends by itself."""
        self._ending.set()
        self._thread.join(END_S)
        if self.log is not None and not self._thread.is_alive():
            self.log.close()
