"""Tests of the page beside a command: whatever becomes of it, the command goes on, and says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop.cli import demo, page
from framehop.cli.page import PageBeside, PageOptions
from framehop.errors import MissingExtraError
from framehop.log import LogAt
from tests.waiting import until


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(page, "complain", lines.append)
    monkeypatch.setattr(page, "note", lines.append)
    return lines


def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> PageBeside:
    """Return the page of a command whose process is a shell script."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nread settings\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(page, "run_module", lambda _: [str(program)])
    return PageBeside(LogAt.of(tmp_path / "log"), PageOptions())


def test_a_page_whose_process_cannot_be_started_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setattr(page, "run_module", lambda _: [str(tmp_path / "missing")])
    with PageBeside(LogAt.of(tmp_path / "log"), PageOptions()):
        pass
    assert told == ["there is no page: its process cannot be started: No such file or directory"]


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ('echo \'{"url": "http://x/"}\'', ["the page: http://x/", "the page has ended by itself; the work goes on"]),
        ('echo \'{"error": "port 80: in use"}\'', ["port 80: in use", "there is no page; the work goes on"]),
        ("exit 1", ["there is no page; the work goes on"]),
    ],
)
def test_a_page_that_ends_by_itself_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str], script: str, lines: list[str]
) -> None:
    with beside(tmp_path, monkeypatch, script):
        until(lambda: len(told) >= len(lines), "what became of the page")
    assert told == lines


def test_a_page_that_we_end_is_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    with beside(tmp_path, monkeypatch, 'echo \'{"url": "http://x/"}\'; read end'):
        until(lambda: told, "the page")
    assert told == ["the page: http://x/"]


@pytest.mark.parametrize(
    ("terminal", "asked", "there"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_the_demo_has_its_page_on_a_terminal_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, asked: bool | None, there: bool
) -> None:
    monkeypatch.setattr(demo, "console", SimpleNamespace(is_terminal=terminal))
    assert demo._page(asked) == (PageOptions() if there else None)


def test_without_the_extra_the_demo_runs_without_its_page_unless_somebody_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(**_: object) -> None:
        raise MissingExtraError("the page needs uvicorn")

    monkeypatch.setattr(demo, "console", SimpleNamespace(is_terminal=True))
    monkeypatch.setattr(demo, "page_options", missing)
    assert demo._page(None) is None
    with pytest.raises(MissingExtraError):
        demo._page(True)
