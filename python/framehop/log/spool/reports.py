"""Tells the log which frames will never come, as the spool has dropped or lost them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from framehop.errors import ConfigError, FramehopError, LogAccessError, LogUnavailableError
from framehop.log.spool.behind import Link
from framehop.log.spool.rows import WaitingRun
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.protocols import NO_LABELS
from framehop.types import Gap, Place

logger = logging.getLogger(__name__)

REFUSED_S = 60.0  # how long to wait after a refusal, which an administrator may take back
LOST = "spool-lost"


class Reports:
    """Sends gap records. A gap stays in its store until the log has it. Use from one thread."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._not_before_s = 0.0

    def send(self) -> None:
        """Report every gap there is, unless the log does not take them at the moment."""
        link = self._ways.link
        if link is None or time.monotonic() < self._not_before_s:
            return
        try:
            for store in list(self._ways.stores):
                self._of_store(store, link)
            while self._ways.lost:
                run, labels = self._ways.lost[0]
                link.report(_gap(run, LOST, self._place(run, link, None, labels)))
                self._ways.lost.pop(0)
        except LogUnavailableError:
            self._not_before_s = time.monotonic() + 1.0
        except (LogAccessError, ConfigError) as error:  # the latter where no topic can have a stream's frames
            logger.warning("gap records of the spool are not written, and are tried again: %s", error)
            self._not_before_s = time.monotonic() + REFUSED_S

    def _of_store(self, store: SpoolStore, link: Link) -> None:
        try:
            gaps = store.gaps()
        except FramehopError as error:
            self._ways.lose(store, error)
            return
        for number, reason, run in gaps:
            link.report(_gap(run, reason, self._place(run, link, store, NO_LABELS)))
            store.forget_gap(number, run.last)

    def _place(self, run: WaitingRun, link: Link, store: SpoolStore | None, labels: Mapping[str, str]) -> Place:
        """Return where a run would lie. `labels`: those of its stream, where there is no store that knows them."""
        lane = self._ways.lanes.get(run.epoch)
        known = (lane.place if lane else None) or (store.place(run.epoch) if store else None)
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
