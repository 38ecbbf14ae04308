"""Tests of when completed frames are committed: at once, or together with others while many are in flight."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest

from framehop.decode import Decoded
from framehop.pipeline.wake import readable
from framehop.pipeline.worker import in_flight as module
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.in_flight import GATHER, MANY, QUEUED, InFlight
from framehop.protocols import CommitResult, FrameConsumer
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameRecord
from tests.logs import make_event, read, write

FOR_EVER_S = 1e6
SOON_S = 60.0


@pytest.fixture
def consumer() -> Iterator[FrameConsumer]:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", MANY + QUEUED)
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


# ---------------------------------------------------------------- whom it wakes

PICTURE = cast(Decoded, object())


def is_rung(flight: InFlight) -> bool:
    return bool(readable([flight.wake.fileno()], 0))


def test_the_main_thread_is_woken_for_pictures_unless_many_wait_for_their_answers(flight: InFlight) -> None:
    flight.decoded([PICTURE] * MANY)
    assert is_rung(flight)
    assert len(flight.take_decoded()) == MANY
    assert not is_rung(flight)
    flight.decoded([PICTURE])
    assert is_rung(flight), "the detector may have few of them left by now"
    assert len(flight.take_decoded()) == 1
    flight.decoded([PICTURE] * 2)
    assert not is_rung(flight), "an answer comes sooner"
    flight.answered()
    assert len(flight.take_decoded()) == 2, "it takes them with the answer"
    for _ in range(2):
        flight.answered()
    flight.decoded([PICTURE])
    assert is_rung(flight)


def test_pictures_that_were_never_taken_have_rung(flight: InFlight) -> None:
    for _ in range(2 * MANY):
        flight.decoded([PICTURE])
    assert is_rung(flight), "nobody has an answer to give"


def test_a_commit_wakes_the_main_thread_once_nothing_is_in_flight(consumer: FrameConsumer, flight: InFlight) -> None:
    records = read(consumer, 2)
    flight.add(records)
    for record, rings in zip(records, (False, True), strict=True):
        _complete(flight, [record])
        batch = flight.wait_batch()
        assert batch is not None
        flight.committed(batch, CommitResult())
        assert is_rung(flight) is rings


def test_where_many_pictures_wait_events_wait_longer_for_each_other(
    consumer: FrameConsumer,
    flight: InFlight,
    committing: Future[Batch | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    monkeypatch.setattr(module, "QUEUED_S", FOR_EVER_S)
    flight.decoded([PICTURE] * (MANY + 1))
    records = read(consumer, MANY + QUEUED)
    flight.add(records)
    for record in records[: QUEUED - 1]:
        _complete(flight, [record])
        assert flight._gathers
    _complete(flight, records[QUEUED - 1 : QUEUED])
    batch = committing.result(SOON_S)
    assert batch is not None
    assert len(batch.events) == QUEUED


def test_who_waits_for_room_is_woken_when_there_is_as_much(flight: InFlight) -> None:
    flight.decoded([PICTURE] * 8)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(flight.wait_pictures_below, 6, FOR_EVER_S)
        for _ in range(2):
            assert not waiting.done()
            flight.answered()
        assert not waiting.done()
        flight.answered()
        assert waiting.result(SOON_S)
