"""SIGHUP where no file of streams can be read again."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from framehop.cli import hangup
from framehop.cli.hangup import reread_on_hangup
from tests.waiting import until

_ASK = "from framehop.cli.hangup import has_terminal; print(has_terminal())"


@pytest.fixture(autouse=True)
def meaning() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_service_without_a_file_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(hangup, "note", said.append)
    monkeypatch.setattr(hangup, "has_terminal", lambda: False)
    with reread_on_hangup(None):
        for times in (1, 2):
            os.kill(os.getpid(), signal.SIGHUP)
            until(lambda times=times: len(said) == times, "an answer")  # type: ignore[misc]
    assert "nothing to read again" in said[0]
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


@pytest.mark.parametrize(("terminal", "before"), [(True, signal.SIG_DFL), (False, signal.SIG_IGN)])
def test_a_command_ends_with_its_terminal_unless_nohup_prevents_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, before: signal.Handlers
) -> None:
    monkeypatch.setattr(hangup, "has_terminal", lambda: terminal)
    signal.signal(signal.SIGHUP, before)
    with reread_on_hangup(None):
        assert signal.getsignal(signal.SIGHUP) == before


def _asked(program: str, *args: str) -> str:
    """Run `program` in a session of its own, which has no terminal until it opens one."""
    command = [sys.executable, "-c", program, *args]
    return subprocess.run(command, start_new_session=True, capture_output=True, check=True, text=True).stdout


def test_who_has_a_terminal_knows_it() -> None:
    assert _asked(_ASK) == "False\n"
    ours, theirs = pty.openpty()
    assert _asked(f"import os, sys; os.open(sys.argv[1], os.O_RDWR); {_ASK}", os.ttyname(theirs)) == "True\n"
    os.close(theirs)
    os.close(ours)
