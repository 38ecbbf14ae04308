"""The thread that drains a spool into its log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from framehop.errors import ConfigError, FramehopError, LogBusyError, LogError, LogFullError, text_of
from framehop.log.spool.allowance import Allowance
from framehop.log.spool.behind import Link
from framehop.log.spool.passage import Passage
from framehop.log.spool.reports import Reports
from framehop.log.spool.rows import Epoch
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

TICK_S = 0.05
SETTLE_S = 0.25
ORPHANS_S = 10.0
AFTER_ERROR_S = 2.0


@dataclass(slots=True)
class _Refusal:
    """A passage that the log does not take. `until_s`: on the monotonic clock, when it is tried again."""

    until_s: float = 0.0
    reminder: Reminder = field(default_factory=Reminder)


class SpoolDrain:
    """Sends what waits, oldest epoch first and streams in turn, and removes it once it has arrived. A thread of its own."""

    def __init__(self, ways: Ways, adopt: Callable[[], list[SpoolStore]], allowance: Allowance) -> None:
        """`adopt`: takes over what dead processes have left, and returns it."""
        self._ways, self._adopt, self._allowance = ways, adopt, allowance
        self._adopted: list[SpoolStore] = []
        self._reports = Reports(ways)
        self._settled_s = self._adopted_s = 0.0
        self._refused: dict[Epoch, _Refusal] = {}  # passages that the log does not take now
        self._reminder = Reminder()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-drain", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        self._ending.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                rest_s = self._round()
            except Exception as error:  # noqa: BLE001  nobody else drains, and frames without end would go to disk
                self._say("the spool does not drain for now", error, self._reminder)
                self._ending.wait(AFTER_ERROR_S)
            else:
                self._reminder.over()
                self._ending.wait(rest_s)

    def _round(self) -> float:
        """Send some of what waits, and return how long to rest. While nothing waits that may be longer: a log has been slow for a
        second before a stream comes here."""
        link, now_s = self._ways.link, time.monotonic()
        if link is None:
            return SETTLE_S
        if now_s >= self._adopted_s:
            self._adopted_s = now_s + ORPHANS_S
            self._adopted += self._adopt()
        passages = self._passages()
        sent = sum(self._drain(passage, link) for passage in passages)
        if now_s >= self._settled_s + SETTLE_S:
            self._settled_s = now_s
            self.settle()
        return 0.0 if sent else TICK_S if passages else SETTLE_S

    def _passages(self) -> list[Passage]:
        with self._ways.changed:
            return sorted(
                (
                    passage
                    for passage in self._ways.passages.values()
                    if passage.is_next and not (passage.caught_up and passage.recovered)
                ),
                key=lambda passage: passage.epoch,
            )

    def _drain(self, passage: Passage, link: Link) -> int:
        """Send some of a passage. The error of one passage leaves the others alone."""
        refused = self._refused.get(passage.key)
        if passage.failure is not None or (refused is not None and time.monotonic() < refused.until_s):
            return 0
        try:
            if passage.place is None or not passage.recovered:
                self._find_place(passage, link)
            sent = self._ways.feed(passage, self._allowance.take)
        except (LogError, ConfigError) as error:  # the latter where no topic can have the stream's frames
            self._rest(passage, error)
            return 0
        except FramehopError:  # of all passages, as a lack of memory is
            raise
        except Exception as error:  # noqa: BLE001  the other passages drain all the same
            self._rest(passage, error)
            return 0
        self._refused.pop(passage.key, None)
        return sent

    def _rest(self, passage: Passage, error: Exception) -> None:
        """Leave a passage alone for a while, and say why if that is due."""
        refused = self._refused.setdefault(passage.key, _Refusal())
        refused.until_s = time.monotonic() + AFTER_ERROR_S
        self._say(f"stream {passage.stream}, epoch {passage.epoch}, waits in the spool", error, refused.reminder)

    def _say(self, what: str, error: Exception, reminder: Reminder) -> None:
        """Say what does not go on and why, if that is due."""
        if not reminder.due(text_of(error), time.monotonic()):
            return
        if isinstance(error, FramehopError):
            logger.warning("%s: %s", what, error)
        else:
            logger.error("%s, by a fault of framehop", what, exc_info=error)

    def _find_place(self, passage: Passage, link: Link) -> None:
        """Find where the epoch lies, and what of it a process that was killed has sent already."""
        place = passage.place or (passage.store.place(passage.key) if passage.store else None)
        last = (
            link.last_seq(passage.stream, passage.epoch, place) if place is not None and not passage.recovered else -1
        )
        if place is None:
            place = link.place(passage.stream, passage.labels)
            if passage.store is not None:
                passage.store.keep_place(passage.key, place)
        with self._ways.changed:
            passage.place, passage.recovered = place, True
            passage.accepted, passage.sent = max(passage.accepted, last), max(passage.sent, last)
            passage.arrived = max(passage.arrived, last)

    # ---- what has arrived

    def settle(self) -> None:
        """Remove from the stores what the log has, forget passages that are done, and report gaps."""
        with self._ways.changed:
            passages = list(self._ways.passages.values())
        for passage in passages:
            self._remove(passage)
        self._reports.send()
        self._let_go()

    def _let_go(self) -> None:
        """Close what was taken over from dead processes and is empty."""
        with self._ways.changed:
            used = {id(passage.store) for passage in self._ways.passages.values()}
        for store in [store for store in self._adopted if id(store) not in used]:
            if store in self._ways.stores and not store.gaps():
                self._adopted.remove(store)
                with self._ways.changed:
                    self._ways.stores.remove(store)
                store.close()

    def _remove(self, passage: Passage) -> None:
        with self._ways.changed:
            store, arrived, place = passage.store, passage.arrived, passage.place
        try:
            if store is not None and passage.stored and place is not None and arrived > passage.removed:
                store.delivered(passage.key, arrived, place)
                passage.removed = arrived
            if store is not None and passage.stored:
                self._forget_place(passage, store)
        except (LogFullError, LogBusyError) as error:
            logger.info("what has left the spool is removed later: %s", error)
        except FramehopError as error:
            if store is not None:
                self._ways.lose(store, error)
        self._forget(passage)

    def _forget_place(self, passage: Passage, store: SpoolStore) -> None:
        """Forget the place of an epoch of which nothing is in the store. Nobody may give it more meanwhile."""
        if not passage.sending.acquire(blocking=False):
            return
        try:
            with self._ways.changed:
                over = passage.done and passage.given == passage.kept and passage.removed == passage.arrived
            if over:
                store.forget_place(passage.key)
                passage.stored = False
        finally:
            passage.sending.release()

    def _forget(self, passage: Passage) -> None:
        """Forget an epoch that is over and of which nothing is left here."""
        with self._ways.changed:
            if not passage.open and passage.settled:
                self._ways.passages.pop(passage.key, None)
                self._refused.pop(passage.key, None)

    def close(self) -> None:
        """Remove what has arrived, and leave what dead processes have left to the next. Call it after `stop`."""
        with self._ways.changed:
            passages = list(self._ways.passages.values())
        for passage in passages:
            self._remove(passage)
        for store in self._adopted:
            store.close()
