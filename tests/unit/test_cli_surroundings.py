"""A command in what a daemon may have around it: closed standard streams, a directory that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from framehop.log import open_log
from tests.logs import write

PROGRAM = "import sys; from framehop.cli import main; main()"
NULLS = "import os, sys; from framehop.cli import main\nstatus = 0\ntry: main()\nexcept SystemExit as end: status = 8 * end.code\n"
NULLS += "sys.exit(status + sum((os.path.realpath(f'/proc/self/fd/{n}') == os.devnull) << n for n in range(3)))"


def shell(script: str, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", script, "sh", sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(("closing", "nulls"), [(">&-", 2), ("2>&-", 4), ("<&- >&- 2>&-", 7)])
def test_closed_standard_streams_are_as_dev_null(tmp_path: Path, closing: str, nulls: int) -> None:
    with open_log(tmp_path / "log") as log, log.writer() as writer:
        write(writer, "cam", 1)
    status = shell(f'"$@" {closing}', NULLS, "audit", "--log", tmp_path / "log").returncode
    assert status & 8, "there are no events yet"
    assert status & nulls == nulls


def test_a_program_around_a_pipeline_gets_the_numbers_and_keeps_its_sys() -> None:
    program = "import os, sys; from framehop.pipeline.processes.standard_streams import open_closed_numbers\n"
    program += "open_closed_numbers()\n"
    program += "sys.exit(8 * (sys.stderr is None) + 4 * (os.path.realpath('/proc/self/fd/2') == os.devnull))"
    assert shell('"$@" 2>&-', program).returncode == 12


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["audit", "--log", "data"], "data lies in the current directory, which was removed"),
        (["tail", "--log", "data"], "data lies in the current directory, which was removed"),
        (["ui", "--log", "data"], "data lies in the current directory, which was removed"),
        (["ingest", "clip.mp4"], "the current directory was removed"),
    ],
)
def test_a_directory_that_is_gone_is_named(tmp_path: Path, words: list[str], expected: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && "$@"'
    log = [] if "--log" in words else ["--log", str(tmp_path / "log")]
    done = shell(script, PROGRAM, *words, *log)
    assert done.returncode == 1
    assert expected in done.stderr, done.stderr
