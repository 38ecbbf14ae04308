"""Tests of the thread that follows a log, over logs that behave badly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from framehop.errors import LogUnavailableError
from framehop.log import LogAt
from framehop.types import EventRecord
from framehop.web import following
from framehop.web.following import Follower
from tests.events import event_of, recorded
from tests.waiting import until

EVENTS = [recorded(event_of(seq)) for seq in range(5)]


class Shy:
    """A log whose reader gives nothing to whoever waits, as a broker that is slow to answer. `ask`: what `end_offsets` does."""

    url = "kafka://shy:9092"
    is_kafka = True
    passed_over = 0

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self.left = list(EVENTS)
        self.ask = ask

    @contextmanager
    def open(self, *, create: bool) -> Iterator[Shy]:
        assert not create
        yield self

    @contextmanager
    def events(self, *, since_us: int) -> Iterator[Shy]:
        assert since_us == 7
        yield self

    def poll(self, count: int, timeout_s: float) -> list[EventRecord]:
        if timeout_s:
            threading.Event().wait(0.001)
            return []
        return [self.left.pop(0)] if self.left else []

    def end_offsets(self) -> dict[Any, int]:
        self.ask()
        return {}


class Notes:
    """A taker that notes what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self) -> int:
        self.said.append("begin")
        return 7

    def take(self, records: list[EventRecord]) -> bool:
        self.said += [str(record.event.seq) for record in records]
        return True

    def caught_up(self) -> bool:
        if self.said[-1] != "end":
            self.said.append("end")
        return True


@contextmanager
def followed(log: Shy) -> Iterator[tuple[Follower, Notes]]:
    notes = Notes()
    follower = Follower(cast(LogAt, log), notes)
    follower.start()
    try:
        yield follower, notes
    finally:
        follower.close()


def test_silence_is_not_the_end_of_the_log() -> None:
    with followed(Shy()) as (follower, notes):
        until(lambda: not follower.catching_up, "the end of the log")
    assert notes.said == ["begin", "0", "1", "2", "3", "4", "end"]


def test_a_silent_broker_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SILENT_S", 0.0)
    away = threading.Event()
    away.set()

    def ask() -> None:
        if away.is_set():
            raise LogUnavailableError("no broker answers")

    with followed(Shy(ask)) as (follower, notes):
        until(lambda: follower.error == "no broker answers", "what is wrong")
        assert follower.log(), "its client connects again by itself"
        away.clear()
        until(lambda: not follower.error, "the broker again")
    assert notes.said.count("begin") == 1


def test_a_fault_is_said_and_the_log_is_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE_S", 0.001)
    log = Shy()
    monkeypatch.setattr(Notes, "take", lambda *_: 1 / 0)
    with followed(log) as (follower, notes):
        until(lambda: notes.said.count("begin") > 2, "another try")
        until(lambda: "division by zero" in follower.error, "what is wrong")
    assert "reading kafka://shy:9092 failed" in caplog.text


def test_a_taker_may_have_the_log_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that always has something new, and so no end, is read anew too."""
    monkeypatch.setattr(following, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(Notes, "take", lambda *_: False)
    with followed(Shy()) as (_, notes):
        until(lambda: notes.said[:6] == ["begin"] * 6, "a beginning for each batch, and one for the rest")
