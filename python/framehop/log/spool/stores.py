"""The stores of a writer with a spool: its own, and those that dead processes have left."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import Path

from framehop.errors import FramehopError, LogCorruptError, LogFullError, LogVersionError, NotALogError, text_of
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.passage import Passage
from framehop.log.spool.slots import Slot, Slots
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

_UNUSABLE = (NotALogError, LogCorruptError, LogVersionError)  # trying again would not help


class Stores:
    """Opens the stores of a spool, and puts their frames on the way into the log. Use from one thread at a time."""

    def __init__(self, ways: Ways, root: Path, options: SpoolOptions, queue_bytes: int) -> None:
        self._ways, self._options, self._queue_bytes = ways, options, queue_bytes
        self._slots = Slots(root)
        self._spoilt: set[Path] = set()
        self._reminders: defaultdict[Path, Reminder] = defaultdict(Reminder)  # of what is left there for now

    def own(self) -> SpoolStore | None:
        """Return the store of this process; None, with a warning, if its disk is full. A damaged one, as after a loss of power, is
        left alone, and cameras are read all the same. Raises LogError."""
        while True:
            slot = self._slots.take(self._spoilt)
            try:
                return self._opened(slot)
            except _UNUSABLE as error:
                self._leave(slot, error)
            except LogFullError as error:
                slot.release()
                logger.warning("there is no spool, and live streams wait for the log in memory: %s", error)
                return None
            except BaseException:
                slot.release()
                raise

    def orphans(self) -> list[SpoolStore]:
        """Return the stores of processes that are gone, which are ours now."""
        found = []
        for slot in self._slots.take_orphans(self._spoilt):
            try:
                found.append(self._opened(slot))
                self._reminders.pop(slot.path, None)
            except _UNUSABLE as error:
                self._leave(slot, error)
            except FramehopError as error:
                slot.release()
                if self._reminders[slot.path].due(text_of(error), time.monotonic()):
                    logger.warning("what a process left in the spool stays there for now: %s", error)
            except BaseException:
                slot.release()
                raise
        return found

    def _leave(self, slot: Slot, error: FramehopError) -> None:
        """Leave alone what nobody can read, and say so once."""
        self._spoilt.add(slot.path)
        slot.release()
        logger.error("what lies in the spool at %s cannot be read, and stays there: %s", slot.path, error)

    def _opened(self, slot: Slot) -> SpoolStore:
        store = SpoolStore(slot, self._options, self._queue_bytes)
        try:
            runs = store.runs()
            labels = {run.epoch: store.labels(run.epoch) for run in runs}
        except BaseException:
            store.close()
            raise
        with self._ways.changed:
            self._ways.stores.append(store)
            for run in runs:
                passage = Passage(stream=run.epoch[0], epoch=run.epoch[1], store=store, own=False, open=False)
                passage.labels, passage.spooling, passage.recovered = labels[run.epoch], True, False
                passage.accepted, passage.sent, passage.removed, passage.stored = (
                    run.last,
                    run.first - 1,
                    run.first - 1,
                    True,
                )
                self._ways.add(passage)
        if (left := store.backlog).frames:
            logger.warning("%d frames of an earlier process are in the spool, and go into the log now", left.frames)
        return store
