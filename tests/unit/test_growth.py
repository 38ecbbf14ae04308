"""Tests of what a command tells of the room that its pictures take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from framehop.cli import growth
from framehop.cli.growth import Growth
from framehop.errors import LogBusyError
from framehop.log import EmbeddedLog, LogAt
from framehop.log.embedded.disk_usage import Usage
from tests.logs import write


@pytest.fixture
def at(tmp_path: Path) -> LogAt:
    return LogAt.of(tmp_path / "log")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(growth, "note", lines.append)
    return lines


def _append(at: LogAt, stream: str, count: int) -> None:
    with at.writing() as log, log.writer() as writer:
        write(writer, stream, count, size=1000)


def _took(said: list[str], rest: str) -> float:
    """Return how many kB the last line names, which ends with `rest`. Each picture has a few bytes around it."""
    found = re.search(rf"took ([0-9.]+) kB{rest}\Z", said[-1])
    assert found, said
    return float(found[1])


def test_pictures_that_came_before_the_first_look_are_counted(at: LogAt, said: list[str]) -> None:
    """A film is in the log before the first status comes."""
    with Growth(at) as grown:
        _append(at, "gate", 20)
        grown.update(20)
    assert 20 <= _took(said, " of pictures") < 30


def test_those_of_earlier_commands_are_not(at: LogAt, said: list[str]) -> None:
    _append(at, "gate", 20)
    with Growth(at) as grown:
        _append(at, "yard", 5)
        grown.update(5)
    assert 5 <= _took(said, " of pictures") < 10


def test_the_pace_is_told_after_a_minute(at: LogAt, said: list[str]) -> None:
    with Growth(at, iter([0.0, 3600.0]).__next__) as grown:
        _append(at, "gate", 20)
        grown.update(20)
        _append(at, "yard", 5)
    assert 25 <= _took(said, " of pictures in 60 minutes; at this pace the oldest goes in [0-9]+ days") < 40


def test_where_nothing_came_nothing_is_told(at: LogAt, said: list[str]) -> None:
    with Growth(at) as grown:
        grown.update(0)
    assert said == []


def test_pictures_of_before_are_not_told_as_new_where_the_first_look_found_the_log_locked(
    at: LogAt, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_log: EmbeddedLog) -> Usage:
        raise LogBusyError("another process has locked it")

    _append(at, "gate", 20)
    grown = Growth(at)
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedLog, "usage", locked)
        grown.__enter__()
    _append(at, "yard", 5)
    grown.update(5)
    grown.__exit__(None, None, None)
    assert [line.partition(":")[0] for line in said] == [f"writing to {at.url}"]
