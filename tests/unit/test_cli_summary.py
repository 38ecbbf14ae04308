"""Tests of what a run says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.cli.run_report import print_summary, write_report
from framehop.errors import ConfigError
from framehop.pipeline.supervisor.status import Status, Summary


def _said(capfd: pytest.CaptureFixture[str], status: Status, *, stopped: bool = False, waiting: int = 0) -> list[str]:
    print_summary(Summary(status=status, waiting=waiting), stopped=stopped)
    return capfd.readouterr().err.splitlines()


def test_who_has_failed_frames_is_told_where_their_reasons_are(capfd: pytest.CaptureFixture[str]) -> None:
    counts, hint = _said(capfd, Status(frames_read=9, events=9, detected=8, failed=1))
    assert counts == "9 frames read, 9 events written: 8 detected, 1 failed"
    assert "framehop deadletter list" in hint


def test_who_has_none_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(_said(capfd, Status(frames_read=9, events=9, detected=9))) == 1


def test_who_stops_it_is_told_what_waits_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    done = Status(frames_read=9, events=9, detected=9)
    *_, behind = _said(capfd, done, stopped=True, waiting=325)
    assert "325 frames of the log wait for the next start" in behind
    *_, level = _said(capfd, done, stopped=True)
    assert "wait" not in level


def test_a_report_that_finds_no_room_is_named() -> None:
    with pytest.raises(ConfigError, match="--report /dev/full cannot be written: No space left on device"):
        write_report(Path("/dev/full"), Summary(status=Status()))
