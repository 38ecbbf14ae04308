"""A log on a disk that is mounted read-only, as an archive or another host's share is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import framehop
from framehop.errors import LogError
from tests.system.harness import House

SHAPES = "testsrc:?size=320x240&count=12"
# In a mount namespace of its own, which goes with the command.
SEALED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.fixture(scope="module")
def ran(shared_house: House) -> Path:
    """The log of a run, which each test gets a copy of."""
    shared_house.run([f"cam={SHAPES}"])
    return shared_house.log


@pytest.fixture
def house(house: House, ran: Path) -> House:
    shutil.copytree(ran, house.log)
    return house


@pytest.fixture
def sealed(house: House) -> list[str]:
    """Return the prefix of a command that is to find the log's disk read-only."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    return ["unshare", "--mount", "sh", "-c", SEALED, str(house.log)]


def test_everything_that_reads_works(house: House, sealed: list[str]) -> None:
    before = sorted(path.name for path in house.log.rglob("*"))
    at = ("--log", house.log)
    audit = house.framehop("audit", *at, "--json", under=sealed)
    assert audit.returncode == 0, audit.stderr
    assert json.loads(audit.stdout)["frames"] == 12
    tail = house.framehop("tail", *at, "--from", "beginning", "--no-follow", "--json", under=sealed)
    assert len(tail.stdout.splitlines()) == 12, tail.stderr
    for command in (("lag", *at), ("deadletter", "list", *at), ("annotate", "out.mp4", "--stream", "cam", *at)):
        done = house.framehop(*command, under=sealed)
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in house.log.rglob("*")) == before


def test_what_writes_says_why_it_cannot(house: House, sealed: list[str]) -> None:
    for command in (("ingest", SHAPES), ("detect", "--until-idle", "1")):
        done = house.framehop(*command, "--log", house.log, under=sealed)
        assert done.returncode == 1
        assert "cannot be written: its disk is mounted read-only" in done.stderr
        assert "Traceback" not in done.stderr


def test_commits_that_are_in_the_write_ahead_log_alone_are_read(house: House, sealed: list[str]) -> None:
    """Nobody closed this log; it looks like one on a disk that was pulled out."""
    with framehop.open_log(house.log) as log, log.writer() as writer:
        writer.open_stream("late", source="test:", finite=False)
        assert (house.log / "index.db-wal").stat().st_size
        copied = house.path / "pulled"
        shutil.copytree(house.log, copied)
    (copied / "index.db-shm").unlink(missing_ok=True)
    done = house.framehop("audit", "--log", copied, under=[*sealed[:-1], str(copied)])
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_copy_stays(house: House, sealed: list[str], tmp_path: Path) -> None:
    house.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    assert house.framehop("audit", "--log", house.log, under=sealed).returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_log_that_another_user_owns_is_read_and_not_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.log.embedded.embedded_log.is_read_only", lambda _root: True)
    with framehop.open_log(house.log) as log:
        assert framehop.audit(log).ok
        with pytest.raises(LogError, match="cannot be written"):
            log.writer()
        with pytest.raises(LogError, match="cannot be written"):
            log.events(group="alerts")
