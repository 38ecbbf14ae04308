"""Tests of looks at something slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from framehop.errors import LogError, text_of
from framehop.pipeline import look as look_module
from framehop.pipeline.look import Look
from tests.waiting import until


@pytest.fixture
def looks() -> Iterator[list[Look[Any]]]:
    made: list[Look[Any]] = []
    yield made
    for look in made:
        look.close()


def test_a_look_is_made_only_when_somebody_asks(looks: list[Look[Any]]) -> None:
    count = iter(range(100))
    look = Look("test", lambda: next(count), -1, every_s=3600)
    looks.append(look)
    assert look.latest(60).value == 0
    assert look.latest(60).value == 0
    assert next(count) == 1


@pytest.mark.parametrize(
    "failure", [LogError("the broker is away"), ZeroDivisionError("the broker is away"), MemoryError()]
)
def test_a_look_that_fails_says_why_and_keeps_what_was_seen(looks: list[Look[Any]], failure: Exception) -> None:
    answers = iter([7])

    def read() -> int:
        for found in answers:
            return found
        raise failure

    look = Look("test", read, 0, every_s=0.0)
    looks.append(look)
    assert look.latest(60).value == 7
    until(lambda: text_of(failure) in look.latest(60).error, "the failure")
    assert look.latest().value == 7


def test_nobody_waits_for_a_look_that_hangs(looks: list[Look[Any]]) -> None:
    held = threading.Event()
    look = Look("test", held.wait, False, every_s=0.0)
    looks.append(look)
    seen = look.latest(0.01)
    assert seen.age_s is None
    assert seen.pending
    held.set()
    until(lambda: look.latest(1).value, "the end of it")


def test_a_slow_look_is_made_less_often(looks: list[Look[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(look_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    count = iter(range(100))

    def read() -> int:
        now_s[0] += 8
        return next(count)

    look = Look("test", read, -1, share=0.2)
    looks.append(look)
    assert look.latest(60).value == 0
    now_s[0] += 31
    assert look.latest(60).value == 0
    now_s[0] += 2
    assert look.latest(60).value == 1
