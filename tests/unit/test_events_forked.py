"""The events of a pipeline in a forked child."""

from __future__ import annotations

import os
from pathlib import Path

from framehop.errors import ProcessError
from framehop.log import EmbeddedLog, LogAt
from framehop.pipeline.events import Events


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
