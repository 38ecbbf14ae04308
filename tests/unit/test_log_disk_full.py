"""A log that finds no room for what it is to write, or not as much as it wants."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from framehop.errors import LogError, LogFullError
from framehop.log import EmbeddedLog
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.log.sqlite import connect, rows, transaction
from tests.log_process import ROOT


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stops_the_log_and_loses_nothing(tmp_path: Path) -> None:
    # A mount namespace of its own: nothing is left mounted, whatever happens. As a user it needs a user namespace as well.
    namespace = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    script = 'mount -t tmpfs -o size=24m none "$1" && exec "$2" -m tests.disk_full "$1"'
    done = subprocess.run(
        ["unshare", *namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_limit_on_the_size_of_files_is_named_and_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    EmbeddedLog(tmp_path).close()
    index = tmp_path / "index.db"
    with closing(connect(index)) as db, closing(WriteAhead(index)) as ahead:
        with (
            pytest.raises(LogError, match=r"File too large; raise the limit .*ulimit -f") as told,
            _largest_file(1 << 16),
        ):
            _insert(db, index)
        assert not isinstance(told.value, LogFullError)
        _insert(db, index)
        with pytest.raises(LogError, match=r"ulimit -f"), _largest_file(1 << 16):
            ahead.checkpoint()
        ahead.checkpoint()


def _insert(db: apsw.Connection, index: Path) -> None:
    with transaction(db, index):
        rows(db, "INSERT INTO groups(name) VALUES(hex(zeroblob(500000)))")
