"""Tests of what is asked of libzmq's own descriptors."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from framehop.hop.connections import COOKIE_BYTES, connection_at, cookie_of

TRY = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def test_a_look_at_a_connection_leaves_it_open() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with connection_at(ours.fileno()) as first, connection_at(theirs.fileno()) as second:
            assert cookie_of(first) != cookie_of(second)
            assert len(cookie_of(first)) == COOKIE_BYTES
        ours.sendall(b"still here")
        assert theirs.recv(64) == b"still here"


def test_a_look_at_what_is_a_file_by_now_leaves_its_locks(tmp_path: Path) -> None:
    """SQLite keeps other processes out by such locks, and closing any descriptor of the file would end them."""
    with (tmp_path / "file").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="ocket"), connection_at(file.fileno()):
            pass
        tried = subprocess.run(
            [sys.executable, "-c", TRY, file.name], capture_output=True, text=True, timeout=60, check=False
        )
    assert "BlockingIOError" in tried.stderr


def test_there_is_no_connection_without_a_descriptor() -> None:
    with pytest.raises(OSError, match="descriptor"), connection_at(-1):
        pass
