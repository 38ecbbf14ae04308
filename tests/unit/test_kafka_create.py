"""Topics that a slow broker makes while nobody hears its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from framehop.errors import LogUnavailableError
from framehop.log.kafka import topics
from framehop.log.kafka.connection import Connection
from framehop.timing import Deadline

CONNECTION = cast("Connection", None)  # the broker below stands for it


class SlowBroker:
    """Makes what is asked for, and says so only from the second time on."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.asked = 0

    def existing(self, _connection: Connection) -> frozenset[str]:
        return frozenset(self.there)

    def ask(self, _connection: Connection, wanted: Iterable[Any]) -> dict[str, bool]:
        self.asked += 1
        made = {name: name not in self.there for name in wanted}
        self.there.update(made)
        if self.asked == 1:
            raise LogUnavailableError("no broker answers")
        return made


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> SlowBroker:
    slow = SlowBroker("old")
    monkeypatch.setattr(topics, "_existing", slow.existing)
    monkeypatch.setattr(topics, "_ask", slow.ask)
    return slow


def test_what_was_made_without_an_answer_was_made(broker: SlowBroker) -> None:
    wanted: list[Any] = ["new", "old"]
    assert topics._make(CONNECTION, wanted, Deadline.after(30)) == {"new": True, "old": False}
    assert broker.asked == 2


def test_a_broker_that_stays_silent_is_given_up(broker: SlowBroker) -> None:
    wanted: list[Any] = ["new"]
    with pytest.raises(LogUnavailableError):
        topics._make(CONNECTION, wanted, Deadline.after(0))
