"""The events of a pipeline in a forked child."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from framehop.errors import ProcessError
from framehop.log import EmbeddedLog, LogAt
from framehop.pipeline.events import Events
from framehop.types import Event
from tests.logs import make_event, marks_after, read, write

LONG_S = 60


def test_a_forked_child_reads_nothing_through_its_parents_connection(tmp_path: Path) -> None:
    EmbeddedLog(tmp_path).close()
    with Events(LogAt(url=str(tmp_path)), "main", over=lambda: True) as events:
        child = os.fork()
        if child == 0:
            try:
                next(events)
            except ProcessError:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert list(events) == []


def test_a_forked_child_is_told_in_an_event_loop_too(tmp_path: Path) -> None:
    """The thread that reads for the loop is not forked along: who waited for it would wait for ever."""
    with EmbeddedLog(tmp_path) as log:
        with log.writer() as writer:
            write(writer, "gate", 1)
        with log.consumer("g", member="m") as consumer:
            records = read(consumer, 1)
            consumer.commit([make_event(record) for record in records], marks_after(records))

    async def one(events: Events) -> Event:
        return await anext(events)

    with Events(LogAt(url=str(tmp_path)), "main", over=lambda: False, start="beginning") as events:
        assert asyncio.run(one(events)).seq == 0
        child = os.fork()
        if child == 0:
            signal.alarm(LONG_S)  # ends it where it waits
            try:
                asyncio.run(one(events))
            except ProcessError:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
