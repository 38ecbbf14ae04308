"""The processes that are started find the modules that this program finds, and nothing else of what lies about."""

from __future__ import annotations

import multiprocessing.spawn
import subprocess
import sys
from pathlib import Path

import pytest

import framehop
from framehop.errors import ProcessError
from framehop.interpreter import run_module


def said(cwd: Path, module: str, *words: str) -> str:
    done = subprocess.run(
        [*run_module(module), *words], cwd=cwd, env={}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of modules that only this program has on its path."""
    place = tmp_path / "own modules"
    place.mkdir()
    (place / "says.py").write_text("import random, sys\nprint(random.__name__, *sys.argv[1:], __name__)")
    monkeypatch.syspath_prepend(str(place))
    return place


def test_what_the_program_has_added_to_its_path_is_found(place: Path, tmp_path: Path) -> None:
    assert said(tmp_path, "says", "--name", "a b") == "random --name a b __main__\n"


def test_a_file_in_the_current_directory_takes_no_modules_place(place: Path) -> None:
    (place / "random.py").write_text("raise SystemExit('not of the standard library')")
    assert said(place, "says") == "random __main__\n"


def test_framehop_may_lie_where_the_program_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [""])
    assert run_module("m")[-1] == str(Path(framehop.__file__).parents[1])


def test_who_embeds_python_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/some-server")
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/usr/bin/python3")
    assert run_module("m")[0] == "/usr/bin/python3"


def test_an_interpreter_that_is_not_known_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", None)
    with pytest.raises(ProcessError, match="set_executable"):
        run_module("m")
