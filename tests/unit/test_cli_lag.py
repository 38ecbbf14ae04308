"""framehop lag."""

from __future__ import annotations

import json
from pathlib import Path

from framehop.log import open_log
from framehop.partitioning import partition_of
from tests.commands import framehop
from tests.logs import make_event, marks_after, read, write


def test_lag_is_a_table_with_totals_and_json(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open_log(path) as log, log.writer() as writer, log.consumer("detect-main", member="m") as consumer:
        write(writer, "a", 4)
        records = read(consumer, 4)[:1]
        consumer.commit([make_event(record) for record in records], marks_after(records))
        write(writer, "c", 2)
    report = json.loads(framehop("lag", "--log", path, "--json").stdout)
    by_partition = {lag["partition"]: lag["messages"] for lag in report["partitions"]}
    assert {partition: n for partition, n in by_partition.items() if n} == {
        partition_of("a", 8): 3,
        partition_of("c", 8): 2,
    }
    assert (report["group"], report["messages"]) == ("detect-main", 5)
    assert report["seconds"] == max(lag["seconds"] or 0 for lag in report["partitions"])
    shown = framehop("lag", "--log", path)
    assert shown.stdout.splitlines()[-1].startswith("detect-main: 5 frames behind, ")
    assert [line.split()[-1] for line in shown.stdout.splitlines()[1:-1]] == ["nobody"] * 8
    shadow = json.loads(framehop("lag", "--log", path, "--lane", "shadow", "--json").stdout)
    assert (shadow["group"], shadow["messages"]) == ("detect-shadow", 6)
    assert {lag["committed"] for lag in shadow["partitions"]} == {None}


def test_no_log_is_said(tmp_path: Path) -> None:
    done = framehop("lag", "--log", tmp_path / "none")
    assert (done.status, done.stdout) == (1, "")
    assert "no log at" in done.stderr
