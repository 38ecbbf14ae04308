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
from framehop.log.spool.lane import Lane
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
    """A lane that the log does not take. `until_s`: on the monotonic clock, when it is tried again."""

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
        self._refused: dict[Epoch, _Refusal] = {}  # lanes that the log does not take now
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
        """Send some of what waits, and return how long to rest: longer while nothing waits, as a stream goes through the spool only
        once the log has been slow for longer."""
        link, now_s = self._ways.link, time.monotonic()
        if link is None:
            return SETTLE_S
        if now_s >= self._adopted_s:
            self._adopted_s = now_s + ORPHANS_S
            self._adopted += self._adopt()
        lanes = self._lanes()
        sent = sum(self._drain(lane, link) for lane in lanes)
        if now_s >= self._settled_s + SETTLE_S:
            self._settled_s = now_s
            self.settle()
        return 0.0 if sent else TICK_S if lanes else SETTLE_S

    def _lanes(self) -> list[Lane]:
        with self._ways.changed:
            return sorted(
                (
                    lane
                    for lane in self._ways.lanes.values()
                    if lane.is_next and not (lane.caught_up and lane.recovered)
                ),
                key=lambda lane: lane.epoch,
            )

    def _drain(self, lane: Lane, link: Link) -> int:
        """Send some of a lane. The error of one lane leaves the others alone."""
        refused = self._refused.get(lane.key)
        if lane.failure is not None or (refused is not None and time.monotonic() < refused.until_s):
            return 0
        try:
            if lane.place is None or not lane.recovered:
                self._find_place(lane, link)
            sent = self._ways.feed(lane, self._allowance.take)
        except (LogError, ConfigError) as error:  # the latter where no topic can have the stream's frames
            self._rest(lane, error)
            return 0
        except FramehopError:  # of all lanes, as a lack of memory is
            raise
        except Exception as error:  # noqa: BLE001  the other lanes drain all the same
            self._rest(lane, error)
            return 0
        self._refused.pop(lane.key, None)
        return sent

    def _rest(self, lane: Lane, error: Exception) -> None:
        """Leave a lane alone for a while, and say why if that is due."""
        refused = self._refused.setdefault(lane.key, _Refusal())
        refused.until_s = time.monotonic() + AFTER_ERROR_S
        self._say(f"stream {lane.stream}, epoch {lane.epoch}, waits in the spool", error, refused.reminder)

    def _say(self, what: str, error: Exception, reminder: Reminder) -> None:
        """Say what does not go on and why, if that is due."""
        if not reminder.due(text_of(error), time.monotonic()):
            return
        if isinstance(error, FramehopError):
            logger.warning("%s: %s", what, error)
        else:
            logger.error("%s, by a fault of framehop", what, exc_info=error)

    def _find_place(self, lane: Lane, link: Link) -> None:
        """Find where the epoch lies, and what of it a process that was killed has sent already."""
        place = lane.place or (lane.store.place(lane.key) if lane.store else None)
        last = link.last_seq(lane.stream, lane.epoch, place) if place is not None and not lane.recovered else -1
        if place is None:
            place = link.place(lane.stream, lane.labels)
            if lane.store is not None:
                lane.store.keep_place(lane.key, place)
        with self._ways.changed:
            lane.place, lane.recovered = place, True
            lane.accepted, lane.sent = max(lane.accepted, last), max(lane.sent, last)
            lane.arrived = max(lane.arrived, last)

    # ---- what has arrived

    def settle(self) -> None:
        """Remove from the stores what the log has, forget lanes that are done, and report gaps."""
        with self._ways.changed:
            lanes = list(self._ways.lanes.values())
        for lane in lanes:
            self._remove(lane)
        self._reports.send()
        self._let_go()

    def _let_go(self) -> None:
        """Close what was taken over from dead processes and is empty."""
        with self._ways.changed:
            used = {id(lane.store) for lane in self._ways.lanes.values()}
        for store in [store for store in self._adopted if id(store) not in used]:
            if store in self._ways.stores and not store.gaps():
                self._adopted.remove(store)
                with self._ways.changed:
                    self._ways.stores.remove(store)
                store.close()

    def _remove(self, lane: Lane) -> None:
        with self._ways.changed:
            store, arrived, place = lane.store, lane.arrived, lane.place
        try:
            if store is not None and lane.stored and place is not None and arrived > lane.removed:
                store.delivered(lane.key, arrived, place)
                lane.removed = arrived
            if store is not None and lane.stored:
                self._forget_place(lane, store)
        except (LogFullError, LogBusyError) as error:
            logger.info("what has left the spool is removed later: %s", error)
        except FramehopError as error:
            if store is not None:
                self._ways.lose(store, error)
        self._forget(lane)

    def _forget_place(self, lane: Lane, store: SpoolStore) -> None:
        """Forget the place of an epoch of which nothing is in the store. Nobody may give it more meanwhile."""
        if not lane.sending.acquire(blocking=False):
            return
        try:
            with self._ways.changed:
                over = lane.done and lane.given == lane.kept and lane.removed == lane.arrived
            if over:
                store.forget_place(lane.key)
                lane.stored = False
        finally:
            lane.sending.release()

    def _forget(self, lane: Lane) -> None:
        """Forget an epoch that is over and of which nothing is left here."""
        with self._ways.changed:
            if not lane.open and lane.settled:
                self._ways.lanes.pop(lane.key, None)
                self._refused.pop(lane.key, None)

    def close(self) -> None:
        """Remove what has arrived, and leave what dead processes have left to the next. Call it after `stop`."""
        with self._ways.changed:
            lanes = list(self._ways.lanes.values())
        for lane in lanes:
            self._remove(lane)
        for store in self._adopted:
            store.close()
