"""scripts/lib.sh: a long step says how long it took, and where to look when it failed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _bash(tmp_path: Path, line: str) -> subprocess.CompletedProcess[str]:
    program = f"set -euo pipefail\nsource scripts/lib.sh\nlogs={shlex.quote(str(tmp_path))}\n{line}\n"
    return subprocess.run(["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_a_step_says_how_long_it_took_and_keeps_its_output_in_a_log(tmp_path: Path) -> None:
    done = _bash(tmp_path, 'work() { echo "a line of pip"; }; run "pip install" work')
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"pip install: 0:0\d\n", done.stdout)
    assert (tmp_path / "pip-install.log").read_text() == "a line of pip\n"


def test_a_step_that_fails_shows_its_end_and_names_its_log(tmp_path: Path) -> None:
    done = _bash(tmp_path, 'work() { echo "no space left"; return 1; }; run "pip install" work; echo unreached')
    assert (done.returncode, done.stdout) == (1, "")
    assert "no space left" in done.stderr
    assert f"pip install failed; all of its output is in {tmp_path}/pip-install.log" in done.stderr


def test_what_interpreters_compile_is_kept_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    program = "import sys; print(sys.dont_write_bytecode)"
    assert _bash(tmp_path, f"{sys.executable} -c {shlex.quote(program)}").stdout == "False\n"


def test_the_clock_counts_minutes(tmp_path: Path) -> None:
    assert _bash(tmp_path, "clock 7; clock 83; clock 3600").stdout == "0:071:2360:00"


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no Debian")
@pytest.mark.parametrize(("needed", "missing"), [("dpkg", ""), ("no-such-a dpkg no-such-b", "no-such-a\nno-such-b\n")])
def test_packages_that_are_missing_are_named(tmp_path: Path, needed: str, missing: str) -> None:
    done = _bash(tmp_path, f"needed_packages() {{ printf '%s\\n' {needed}; }}; missing_packages build")
    assert (done.returncode, done.stdout) == (0, missing)
