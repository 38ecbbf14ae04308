"""Tells the log which frames will never come, as the spool has dropped or lost them."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping

from framehop.errors import ConfigError, FramehopError, LogAccessError, LogNotFoundError, LogUnavailableError, text_of
from framehop.log.spool.behind import Link
from framehop.log.spool.rows import WaitingRun
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.protocols import NO_LABELS
from framehop.timing import Reminder
from framehop.types import Gap, Place

logger = logging.getLogger(__name__)

REFUSED_S = 60.0  # how long to wait after a refusal, which an administrator may take back
LOST = "spool-lost"


class Reports:
    """Sends gap records. A gap stays in its store until the log has it. Use from one thread."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._not_before_s = 0.0
        self._rest_s: dict[str, float] = {}  # streams that have no topic, until when
        self._reminders: defaultdict[str, Reminder] = defaultdict(Reminder)  # by stream; that of all has no name

    def send(self) -> None:
        """Report every gap there is, unless the log does not take them at the moment."""
        link = self._ways.link
        if link is None or time.monotonic() < self._not_before_s:
            return
        try:
            for store in list(self._ways.stores):
                self._of_store(store, link)
            for lost in list(self._ways.lost):
                run, labels = lost
                if self._tell(run, LOST, link, None, labels):
                    self._ways.lost.remove(lost)
            self._reminders.pop("", None)
        except LogUnavailableError:
            self._not_before_s = time.monotonic() + 1.0
        except (LogAccessError, LogNotFoundError) as error:
            if self._reminders[""].due(text_of(error), time.monotonic()):
                logger.warning("gap records of the spool are not written, and are tried again: %s", error)
            self._not_before_s = time.monotonic() + REFUSED_S

    def _of_store(self, store: SpoolStore, link: Link) -> None:
        try:
            gaps = store.gaps()
        except FramehopError as error:
            self._ways.lose(store, error)
            return
        for number, reason, run in gaps:
            if self._tell(run, reason, link, store, NO_LABELS):
                store.forget_gap(number, run.last)

    def _tell(
        self, run: WaitingRun, reason: str, link: Link, store: SpoolStore | None, labels: Mapping[str, str]
    ) -> bool:
        """Report a gap, and return whether the log has it. That of a stream without a topic waits, and keeps no other waiting."""
        stream, now_s = run.epoch[0], time.monotonic()
        if now_s < self._rest_s.get(stream, 0.0):
            return False
        try:
            place = self._place(run, link, store, labels)
        except (LogNotFoundError, ConfigError) as error:
            if self._reminders[stream].due(text_of(error), now_s):
                logger.warning("gap records of stream %s are not written, and are tried again: %s", stream, error)
            self._rest_s[stream] = now_s + REFUSED_S
            return False
        link.report(_gap(run, reason, place))
        self._rest_s.pop(stream, None)
        self._reminders.pop(stream, None)
        return True

    def _place(self, run: WaitingRun, link: Link, store: SpoolStore | None, labels: Mapping[str, str]) -> Place:
        """Return where a run would lie. `labels`: of its stream; used only where no store knows them."""
        passage = self._ways.passages.get(run.epoch)
        known = (passage.place if passage else None) or (store.place(run.epoch) if store else None)
        return known or link.place(run.epoch[0], store.labels(run.epoch) if store else labels)


def _gap(run: WaitingRun, reason: str, place: Place) -> Gap:
    return Gap(
        reason=reason,
        topic=place.partition.topic,
        partition=place.partition.number,
        first_offset=0,
        last_offset=-1,
        stream=run.epoch[0],
        epoch=run.epoch[1],
        first_seq=run.first,
        last_seq=run.last,
    )
