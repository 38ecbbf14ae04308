"""A log in a child that its process has forked: the locks of SQLite and the threads of a writer stay with the parent."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from framehop.errors import ProcessError
from framehop.log import EmbeddedLog, open_log
from framehop.protocols import EventReader, FrameConsumer, FrameWriter
from framehop.types import Frame, FrameKey
from tests.logs import write

LONG_S = 60
REFUSED = 7
FRAME = Frame(key=FrameKey("cam", 1, 0), payload=b"", captured_us=0, received_us=0)


def in_child(call: Callable[[], object]) -> int:
    """Return how a forked child ends that makes the call."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONG_S)  # ends it where it waits
        with contextlib.suppress(BaseException):
            try:
                call()
            except ProcessError:
                os._exit(REFUSED)
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


Use = Callable[[EmbeddedLog, FrameWriter, EventReader, FrameConsumer], object]


@pytest.mark.parametrize(
    "use",
    [
        lambda log, *_: log.known_streams(),
        lambda log, *_: log.events(),
        lambda log, *_: log.writer(),
        lambda _log, writer, *_: writer.append(FRAME),
        lambda _log, writer, *_: writer.flush(LONG_S),
        lambda _log, _writer, reader, _: reader.poll(1, LONG_S),
        lambda *each: each[-1].poll(1, LONG_S),
    ],
)
def test_what_a_log_has_opened_is_refused_to_a_child(tmp_path: Path, use: Use) -> None:
    with (
        EmbeddedLog(tmp_path) as log,
        log.writer() as writer,
        log.events(group="g") as reader,
        log.consumer("g", member="m") as consumer,
    ):
        write(writer, "cam", 1)
        assert in_child(lambda: use(log, writer, reader, consumer)) == REFUSED


def test_a_child_that_closes_all_takes_nothing_from_its_parent(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path) as log, log.writer() as writer, log.events() as reader:
        write(writer, "cam", 1)
        assert in_child(lambda: [each.close() for each in (reader, writer, log)]) == 0
        write(writer, "gate", 1)
        assert reader.poll(1, 0.0) == []
        assert set(log.known_streams()) == {"cam", "gate"}


def test_a_log_that_was_open_at_the_fork_is_not_opened_anew(tmp_path: Path) -> None:
    """The child's connection would hold no lock, and who outlives the parent would damage the index with it."""
    with open_log(tmp_path / "log"):
        assert in_child(lambda: open_log(tmp_path / "log" / ".." / "log")) == REFUSED
        assert in_child(lambda: open_log(tmp_path / "other").close()) == 0
    assert in_child(lambda: open_log(tmp_path / "log").close()) == 0
