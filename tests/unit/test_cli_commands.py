"""Behaviour that all commands share: help without Python's types, Ctrl-C, one event a line, waiting for a log."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from framehop.cli import tail
from framehop.cli.app import make_app
from framehop.log import LogAt, open_log
from tests.commands import framehop
from tests.logs import make_event, marks_after, read, write


def _commands(group: typer.core.TyperGroup, *names: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from _commands(command, *names, name)
        else:
            yield (*names, name)


ROOT = typer.main.get_command(make_app())
assert isinstance(ROOT, typer.core.TyperGroup)
COMMANDS = list(_commands(ROOT))


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 10
    assert ("deadletter", "list") in COMMANDS


def test_the_help_and_a_mistyped_command_know_every_command() -> None:
    """They know them behind an option too: `framehop --help audit` asks for the program's help."""
    assert isinstance(ROOT, typer.core.TyperGroup)
    for words in (("--help",), ("--help", "audit"), ("-v", "-h")):
        told = framehop(*words).stdout
        assert [name for name in ROOT.commands if f" {name} " not in told] == []
    assert "'audot'" in framehop("audot").stderr
    assert "Did you mean" in framehop("audot").stderr


@pytest.mark.parametrize("words", [("lag",), ("-v", "status"), ("--verbose", "-vv", "stream", "list")], ids=" ".join)
def test_a_command_loads_its_own_modules_alone(words: tuple[str, ...]) -> None:
    program = f"import sys; sys.argv = {['framehop', *words, '--help']}; from framehop.cli import main\n"
    program += "try: main()\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    foreign = {
        "framehop.cli.ingest",
        "framehop.cli.work",
        "framehop.cli.model",
        "framehop.pipeline.pipeline",
        "asyncio",
    }
    assert foreign.intersection(done.stdout.split()) == set()


@pytest.mark.parametrize("names", [(), ("topics",), ("deadletter",), *COMMANDS], ids=" ".join)
def test_help_shows_flags_as_flags_and_no_types_of_python(names: tuple[str, ...]) -> None:
    done = framehop(*names, "--help")
    assert done.status == 0
    assert re.findall(r"<(?:bool|int|float|str|list|path|text).*?>", done.stdout) == []
    assert "--help" in done.stdout


OPENING = [
    ("audit",),
    ("lag",),
    ("tail",),
    ("annotate", "out.mp4"),
    ("deadletter", "list"),
    ("deadletter", "requeue", "--all"),
    ("ingest", "testsrc:?count=1"),
]


@pytest.mark.parametrize("command", OPENING, ids=" ".join)
def test_ctrl_c_is_status_130_and_no_traceback(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: LogAt, **_options: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LogAt, "open", interrupted)
    done = framehop(*command, "--log", tmp_path / "log")
    assert (done.status, done.stdout) == (130, "")
    assert done.stderr.strip() == "interrupted"


def _fill(path: Path) -> None:
    with open_log(path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", 3)
        records = read(consumer, 3)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def test_a_long_event_is_one_line_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "_event_line", lambda record: f"{record.event.seq} " + "person 0.99, " * 100 + "end")
    _fill(tmp_path / "log")
    lines = framehop("tail", "--log", tmp_path / "log", "--from", "beginning", "--no-follow").stdout.splitlines()
    assert len(lines) == 4
    assert all(line.endswith("end") for line in lines[1:])


@pytest.mark.parametrize("start", ["latest", "beginning"])
def test_tail_waits_for_the_log_and_leaves_nothing_of_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    path = tmp_path / "log"
    pauses = 0

    def pause() -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            _fill(path)

    monkeypatch.setattr(tail, "_pause", pause)
    monkeypatch.setattr(tail, "_follow", lambda reader, **_options: reader.poll(10, 5.0))
    done = framehop("tail", "--log", path, "--from", start, "--json")
    assert done.status == 0, done.stderr
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [0, 1, 2]
    assert done.stderr.count("waiting for the first") == 1
    assert pauses == 2


def test_tail_that_does_not_follow_does_not_wait(tmp_path: Path) -> None:
    done = framehop("tail", "--log", tmp_path / "none", "--no-follow")
    assert done.status == 1
    assert "no log at" in done.stderr
