"""The queries of a log in a directory, by what SQLite does for them."""

from __future__ import annotations

from pathlib import Path

import apsw

from framehop.log import open_log
from framehop.log.sqlite import connect, rows
from tests.logs import write

_FRAMES = 'SELECT seq FROM frames WHERE partition=? AND "offset">=? ORDER BY "offset" LIMIT ?'


def test_a_query_is_planned_once_whatever_is_bound_to_it(tmp_path: Path) -> None:
    planned: list[int] = []

    def ask(action: int, *_: str | None) -> int:
        """SQLite asks while it plans a query, and never else."""
        planned.append(action)
        return apsw.SQLITE_OK

    with open_log(tmp_path) as log, log.writer() as writer:
        write(writer, "gate", 3)
    db = connect(tmp_path / "index.db")
    db.authorizer = ask
    found = []
    for limit in range(1, 5):
        rows(db, _FRAMES, (0, 0, limit))
        found.append(len(planned))
    db.close()
    assert set(found) == {found[0]} != {0}
