"""Tests of when completed frames are committed: at once, or together with others while many are in flight."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from framehop.pipeline.worker import in_flight as module
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.in_flight import GATHER, MANY, InFlight
from framehop.protocols import FrameConsumer
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameRecord
from tests.logs import make_event, read, write

FOR_EVER_S = 1e6
SOON_S = 60.0


@pytest.fixture
def consumer() -> Iterator[FrameConsumer]:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", MANY + GATHER)
        yield consumer


@pytest.fixture
def flight() -> Iterator[InFlight]:
    with InFlight() as flight:
        yield flight
        flight.stop()


@pytest.fixture
def committing(flight: InFlight) -> Iterator[Future[Batch | None]]:
    """A thread that waits for the next batch."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(flight.wait_batch)
        flight.stop()


def _complete(flight: InFlight, records: list[FrameRecord]) -> None:
    for record in records:
        flight.complete(make_event(record), record.tenure)


def test_an_event_is_committed_at_once_while_few_frames_are_in_flight(
    consumer: FrameConsumer,
    flight: InFlight,
    committing: Future[Batch | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GATHER_S", FOR_EVER_S)
    records = read(consumer, MANY)
    flight.add(records)
    _complete(flight, records[:1])
    batch = committing.result(SOON_S)
    assert batch is not None
    assert len(batch.events) == 1


def test_events_share_a_commit_while_many_frames_are_in_flight(
    consumer: FrameConsumer,
    flight: InFlight,
    committing: Future[Batch | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GATHER_S", FOR_EVER_S)
    records = read(consumer, MANY + GATHER)
    flight.add(records)
    for record in records[:GATHER]:
        assert not committing.done()
        _complete(flight, [record])
    batch = committing.result(SOON_S)
    assert batch is not None
    assert len(batch.events) == GATHER


def test_events_that_stay_few_are_committed_after_a_moment(
    consumer: FrameConsumer,
    flight: InFlight,
    committing: Future[Batch | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BACKSTOP_S", FOR_EVER_S)
    records = read(consumer, MANY + GATHER)
    flight.add(records)
    _complete(flight, records[:1])
    batch = committing.result(SOON_S)
    assert batch is not None
    assert len(batch.events) == 1
