"""Events that a transaction hides: whoever has to know them all asks again, and can stop in between."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from framehop.budgets import DRAIN_GRACE_S
from framehop.errors import LogUnavailableError
from framehop.log.kafka import event_scan
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.event_scan import OPEN_S, events_of
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Partition

FRAMES = Partition("framehop.frames", 3)
EVENTS = Partition("framehop.detections", 1)
CONNECTION = cast(
    Connection, SimpleNamespace(url=KafkaUrl.parse("kafka://nowhere:1"), partition_count=lambda _topic: 2)
)


class NoRecords:
    """A scan of an empty partition."""

    def __init__(self, _connection: object, starts: dict[Partition, int]) -> None:
        self.starts = starts

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self.starts == {EVENTS: 10}


@pytest.fixture
def visible(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Script the ends that readers see of a partition with 100 events; the last one stays."""
    ends: list[int] = []
    monkeypatch.setattr(event_scan, "RETRY_S", 0.0)
    monkeypatch.setattr(event_scan, "PartitionScan", NoRecords)
    monkeypatch.setattr(event_scan, "begins", lambda *_: {EVENTS: 10})
    monkeypatch.setattr(event_scan, "written_ends", lambda *_: {EVENTS: 100})
    monkeypatch.setattr(event_scan, "ends", lambda *_: {EVENTS: ends.pop(0) if len(ends) > 1 else ends[0]})
    return ends


def test_a_transaction_that_ends_soon_is_waited_for(visible: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_scan, "OPEN_S", 60.0)
    visible += [40, 40, 100]
    assert list(events_of(CONNECTION, FRAMES, 0)) == []
    assert visible == [100]


def test_one_that_stays_open_is_reported_before_a_stop_is_out_of_time(
    visible: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert OPEN_S < DRAIN_GRACE_S
    monkeypatch.setattr(event_scan, "OPEN_S", 0.0)
    visible.append(40)
    with pytest.raises(LogUnavailableError, match="an open transaction hides the last events"):
        list(events_of(CONNECTION, FRAMES, 0))
