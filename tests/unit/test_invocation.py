"""A command that is printed to be typed can be typed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from framehop.cli.invocation import command, typed


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The console script that runs, in a directory that no shell searches."""
    path = tmp_path / "a venv" / "bin" / "framehop"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(path), "demo"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return path


def test_by_name_where_the_shell_finds_this_one(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin")
    assert command() == "framehop"


def test_by_path_where_it_does_not(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shlex.split(command()) == [str(program)]
    monkeypatch.chdir(tmp_path)
    assert command() == "'a venv/bin/framehop'"


def test_by_path_where_the_shell_finds_another(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "bin" / "framehop"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert shlex.split(command()) == [str(program)]


def test_as_a_module_where_it_runs_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/framehop/__main__.py", "demo"])
    assert shlex.split(command()) == [sys.executable, "-m", "framehop"]


def test_paths_below_are_short_and_hostile_ones_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(tmp_path / "demo" / "log") == "demo/log"
    assert typed(tmp_path) == "."
    assert typed(Path("/elsewhere/log")) == "/elsewhere/log"
    assert shlex.split(typed(tmp_path / "a b; rm -rf $HOME")) == ["a b; rm -rf $HOME"]
    assert typed(tmp_path / "-x").startswith("/")
