"""The stderr of framehop's processes when nobody reads it."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from framehop.pipeline.processes.bounded_stderr import BoundedWriter

LINE = b"what happened\n"

Ends = tuple[int, int]


def sockets() -> Ends:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@contextmanager
def full(make: Callable[[], Ends]) -> Iterator[Ends]:
    """Yield where to read and where to write, with no room left between them."""
    reading, writing = make()
    try:
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"." * 500)
        except BlockingIOError:
            os.set_blocking(writing, True)
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def read_all(reading: int) -> bytes:
    os.set_blocking(reading, False)
    found = b""
    try:
        while True:
            found += os.read(reading, 1 << 20)
    except BlockingIOError:
        return found


@pytest.mark.parametrize("make", [os.pipe, sockets, os.openpty])
def test_what_finds_no_room_is_counted_and_said_once_there_is_some(make: Callable[[], Ends]) -> None:
    with full(make) as (reading, writing):
        writer = BoundedWriter(writing, wait_s=0.0)
        assert [writer.write(LINE) for _ in range(3)] == [len(LINE)] * 3
        assert b"happened" not in read_all(reading)
        writer.write(LINE)
        said = read_all(reading).replace(b"\r\n", b"\n")
        assert said == b"WARNING framehop: 3 lines are missing here, because nobody read them\n" + LINE
        writer.write(LINE)
        assert read_all(reading).replace(b"\r\n", b"\n") == LINE, "it is said once"


def test_a_flush_says_what_is_missing() -> None:
    with full(os.pipe) as (reading, writing):
        writer = BoundedWriter(writing, wait_s=0.0)
        writer.write(LINE)
        read_all(reading)
        writer.flush()
        assert read_all(reading).startswith(b"WARNING framehop: 1 lines are missing")


def test_a_line_that_was_cut_is_ended_before_the_next() -> None:
    reading, writing = os.pipe()
    writer = BoundedWriter(writing, wait_s=0.0)
    writer.write(b"." * (1 << 20) + b"\n")
    assert read_all(reading).strip(b".") == b""
    writer.write(LINE)
    assert read_all(reading) == b"\nWARNING framehop: 1 lines are missing here, because nobody read them\n" + LINE
    os.close(reading)
    os.close(writing)


def test_a_reader_that_is_at_work_gets_every_line() -> None:
    count = [sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"]
    with subprocess.Popen(count, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        writer = BoundedWriter(reader.stdin.fileno(), wait_s=60.0)
        for _ in range(20_000):
            writer.write(LINE)
        assert reader.communicate()[0] == b"%d\n" % (20_000 * len(LINE))


def test_who_shares_the_pipe_still_waits_for_room() -> None:
    reading, writing = os.pipe()
    ours = os.dup(writing)
    BoundedWriter(ours)
    assert fcntl.fcntl(ours, fcntl.F_GETFL) & os.O_NONBLOCK
    assert not fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK
    for number in (reading, writing, ours):
        os.close(number)


def test_a_file_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    with path.open("wb", buffering=0) as file:
        file.write(b"before\n")
        BoundedWriter(file.fileno()).write(LINE)
        file.write(b"after\n")
    assert path.read_bytes() == b"before\n" + LINE + b"after\n"


def test_a_command_whose_stderr_nobody_reads_does_its_work(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "framehop",
        "ingest",
        "testsrc:?count=3",
        "--rate",
        "max",
        "--log",
        str(tmp_path / "log"),
    ]
    with full(os.pipe) as (_, writing):
        assert subprocess.run(command, stderr=writing, timeout=60, check=False).returncode == 0
