"""framehop tail: from where on, and what it says where there is nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from framehop.log import KafkaOptions, open_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.protocols import FrameLog
from framehop.timing import now_us
from framehop.types import rfc3339
from tests.broker import Cluster
from tests.commands import framehop
from tests.logs import make_event, marks_after, read, write

MINUTE_US = 60_000_000


def _fill(log: FrameLog, now: int) -> None:
    """Six events; seq n was captured n minutes before `now`, and all are in the log since a moment."""
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", 6)
        records = read(consumer, 6)
        events = [
            replace(make_event(record), captured_at=rfc3339(now - record.meta.key.seq * MINUTE_US))
            for record in records
        ]
        consumer.commit(events, marks_after(records))


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, int]:
    """The log's URL, and the newest capture."""
    now = now_us()
    if request.param == "embedded":
        with open_log(tmp_path / "log") as log:
            _fill(log, now)
        return str(tmp_path / "log"), now
    cluster: Cluster = request.getfixturevalue("kafka_cluster")
    url = f"kafka://{cluster.bootstrap}/tail-{tmp_path.name}"
    options = KafkaOptions(membership="dynamic", commit_interval_s=0.0, state_dir=str(tmp_path / "state"))
    with KafkaLog(url, options=options) as kafka:
        kafka.create_topics(TopicPlan(partitions=2))
        _fill(kafka, now)
    return url, now


def _seqs(url: str, start: str) -> list[int]:
    done = framehop("tail", "--log", url, "--from", start, "--no-follow", "--json")
    assert done.status == 0, done.stderr
    return [json.loads(line)["seq"] for line in done.stdout.splitlines()]


def test_from_is_the_time_of_capture(filled: tuple[str, int]) -> None:
    url, now = filled
    assert _seqs(url, "beginning") == [0, 1, 2, 3, 4, 5]
    assert _seqs(url, "latest") == []
    assert _seqs(url, "1h") == [0, 1, 2, 3, 4, 5]
    assert _seqs(url, rfc3339(now - 3 * MINUTE_US)) == [0, 1, 2, 3]
    assert _seqs(url, rfc3339(now + 1)) == []
    assert _seqs(url, rfc3339(now + 10 * MINUTE_US)) == []


def test_what_is_no_start_is_said(tmp_path: Path) -> None:
    done = framehop("tail", "--log", tmp_path / "log", "--from", "yesterday")
    assert done.status == 1
    for word in ("yesterday", "90s", "2026-01-31T12:00:00Z", "beginning"):
        assert word in done.stderr


def test_where_there_is_nothing_that_is_said(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log:
        _fill(log, now_us())
    url = str(tmp_path / "log")
    ahead = framehop("tail", "--log", url, "--no-follow")
    assert f"no event in {url} from latest on; --from beginning looks at all" in ahead.stderr
    other = framehop("tail", "--log", url, "--no-follow", "--from", "beginning", "--stream", "yard")
    assert f"no event of stream yard in {url} from beginning on" in other.stderr
    assert "no event" not in framehop("tail", "--log", url, "--no-follow", "--from", "beginning").stderr
