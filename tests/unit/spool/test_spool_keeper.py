"""Tests of how often a spool is looked after: seldom while nothing waits."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import pytest

from framehop.log.spool import keeper
from framehop.log.spool.keeper import KEEP_S, REST_S, Keeper
from framehop.log.spool.passage import SLOW_S
from framehop.log.spool.ways import Ways
from tests.logs import TIMEOUT_S


class _Ending:
    """An event for which the keeper's thread waits; it tells for how long, and ends when the test says whether it is set."""

    def __init__(self) -> None:
        self.waits: SimpleQueue[float] = SimpleQueue()
        self.answers: SimpleQueue[bool] = SimpleQueue()

    def wait(self, timeout_s: float) -> bool:
        self.waits.put(timeout_s)
        return self.answers.get(timeout=TIMEOUT_S)

    def is_set(self) -> bool:
        return False

    def set(self) -> None:
        self.answers.put(True)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_it_rests_while_nothing_waits(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    ending = _Ending()
    threads = SimpleNamespace(Event=lambda: ending, Thread=threading.Thread)
    monkeypatch.setattr(keeper, "threading", threads)
    passage: Any = SimpleNamespace(waiting={}, store=None)
    store: Any = SimpleNamespace(backlog=SimpleNamespace(frames=0), too_much=lambda: False, too_old=lambda: False)
    ways = SimpleNamespace(changed=threading.Condition(), passages={"cam": passage}, stores=[store])
    kept = Keeper(cast("Ways", ways))
    assert ending.waits.get(timeout=TIMEOUT_S) == REST_S
    passage.waiting, store.backlog.frames = ({7: None}, 0) if where == "memory" else ({}, 1)
    ending.answers.put(False)
    assert ending.waits.get(timeout=TIMEOUT_S) == KEEP_S
    passage.waiting, store.backlog.frames = {}, 0
    ending.answers.put(False)
    assert ending.waits.get(timeout=TIMEOUT_S) == REST_S
    kept.stop(TIMEOUT_S)


def test_a_rest_is_over_before_a_frame_is_late() -> None:
    assert REST_S + KEEP_S < SLOW_S
