"""The thread that keeps live streams safe from a slow log, and the spool within its bounds."""

from __future__ import annotations

import logging
import threading
import time

from framehop.errors import FramehopError, LogBusyError, LogFullError
from framehop.log.spool.passage import Passage
from framehop.log.spool.rows import WaitingRun
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways

logger = logging.getLogger(__name__)

KEEP_S = 0.1
REST_S = 0.5  # while nothing waits: a frame that comes meanwhile cannot be late before the next look (SLOW_S)
SAY_S = 30.0
AFTER_ERROR_S = 2.0


class Keeper:
    """Brings streams for which the log is slow to the disk, and drops the oldest groups when the spool is full. A thread of its
    own, as the drain may wait for the log."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._dropped, self._said_s = 0, -SAY_S
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-keeper", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._ending.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._ending.wait(KEEP_S if self._anything_waits() else REST_S):
            try:
                self._look()
            except Exception:  # without this thread the spool would have no bounds
                logger.exception("the spool is not looked after for now, by a fault of framehop")
                self._ending.wait(AFTER_ERROR_S)

    def _anything_waits(self) -> bool:
        """Return whether a frame is in memory or on the disk that the log does not have."""
        with self._ways.changed:
            in_memory = any(passage.waiting for passage in self._ways.passages.values())
        return in_memory or any(store.backlog.frames for store in list(self._ways.stores))

    def _look(self) -> None:
        for store in list(self._ways.stores):  # first: the bounds hold whatever becomes of a passage
            self._keep_within(store)
        self.keep_safe(only_slow=True)

    def keep_safe(self, *, only_slow: bool) -> bool:
        """Give the store what only memory holds; return whether there is nothing left of it."""
        with self._ways.changed:
            passages = [
                passage
                for passage in self._ways.passages.values()
                if passage.store is not None and (passage.is_slow or not only_slow) and passage.waiting
            ]
        handed_over = [self._hand_over(passage) for passage in passages]  # all of them, though one may have to wait
        return all(handed_over)

    def _hand_over(self, passage: Passage) -> bool:
        if not passage.sending.acquire(blocking=False):
            return False
        try:
            passage.spooling = True
            return self._ways.hand_over(passage)
        finally:
            passage.sending.release()

    def _keep_within(self, store: SpoolStore) -> None:
        try:
            while store.backlog.frames and not self._ending.is_set():
                reason = "spool-full" if store.too_much() else "spool-age" if store.too_old() else ""
                with self._ways.changed:
                    sent = {
                        passage.key: passage.sent for passage in self._ways.passages.values() if passage.store is store
                    }
                if not reason or not (runs := store.drop_oldest(sent, reason)):
                    return
                self._say(runs, reason)
        except (LogFullError, LogBusyError) as error:
            logger.info("the spool shrinks later: %s", error)
        except FramehopError as error:
            self._ways.lose(store, error)

    def _say(self, runs: list[WaitingRun], reason: str) -> None:
        self._dropped += sum(run.last - run.first + 1 for run in runs)
        if time.monotonic() - self._said_s >= SAY_S:
            self._said_s = time.monotonic()
            why = "it is full" if reason == "spool-full" else "they are too old"
            logger.warning(
                "the spool drops its oldest frames, as %s: %d so far, lately of %s; the log will hold gap records, %s",
                why,
                self._dropped,
                ", ".join(sorted({run.epoch[0] for run in runs})[:5]),
                reason,
            )
