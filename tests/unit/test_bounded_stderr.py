"""The stderr of framehop's processes when nobody reads it."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
        assert said == b"WARNING framehop: 3 lines are missing here, as there was no room for them\n" + LINE
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
    assert read_all(reading) == b"\nWARNING framehop: 1 lines are missing here, as there was no room for them\n" + LINE
    os.close(reading)
    os.close(writing)


def test_a_line_whose_end_alone_was_dropped_is_ended_before_the_next() -> None:
    with full(os.pipe) as (reading, writing):
        writer = BoundedWriter(writing, wait_s=0.0)
        os.read(reading, select.PIPE_BUF)
        writer.write(b"." * select.PIPE_BUF)
        writer.write(b"\n")
        read_all(reading)
        writer.write(LINE)
        assert read_all(reading).startswith(b"\nWARNING framehop: 1 lines are missing")


def test_a_pipe_that_cannot_be_opened_anew_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> int:
        raise PermissionError  # root has made the pipe, and started the command as somebody else

    monkeypatch.setattr(os, "open", refuse)
    with full(os.pipe) as (reading, writing):
        writer = BoundedWriter(writing, wait_s=0.0)
        os.read(reading, select.PIPE_BUF)
        thread = threading.Thread(target=writer.write, args=(b"." * (1 << 20) + b"\n",), daemon=True)
        thread.start()
        thread.join(60)
        waits = thread.is_alive()
        read_all(reading)
        assert not waits


def test_what_finds_no_room_on_a_disk_is_counted_and_said_too(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, (tmp_path / "messages").open("wb") as later:
        writer = BoundedWriter(file.fileno())
        assert writer.write(LINE) == len(LINE)
        os.dup2(later.fileno(), file.fileno())
        writer.flush()
    said = (tmp_path / "messages").read_bytes()
    assert said == b"WARNING framehop: 1 lines are missing here, as there was no room for them\n"


@pytest.mark.parametrize("make", [os.pipe, sockets, os.openpty])
def test_a_reader_that_goes_away_ends_nothing(make: Callable[[], Ends]) -> None:
    reading, writing = make()
    writer = BoundedWriter(writing)
    writer.write(LINE)
    os.close(reading)
    assert [writer.write(LINE) for _ in range(2)] == [len(LINE)] * 2
    writer.flush()
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


@contextmanager
def full_disk() -> Iterator[Ends]:
    with Path("/dev/full").open("wb") as file:
        yield 0, file.fileno()


@contextmanager
def no_reader() -> Iterator[Ends]:
    reading, writing = os.pipe()
    os.close(reading)
    yield reading, writing
    os.close(writing)


@pytest.mark.parametrize("stderr", [lambda: full(os.pipe), full_disk, no_reader])
def test_a_command_whose_stderr_takes_nothing_does_its_work(
    tmp_path: Path, stderr: Callable[[], AbstractContextManager[Ends]]
) -> None:
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
    with stderr() as (_, writing):
        assert subprocess.run(command, stderr=writing, timeout=60, check=False).returncode == 0
