"""Frames that need not be looked at, in Kafka: each has its event all the same, and no camera takes the turns of another one."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from framehop.ops.audit import AuditReport, audit
from framehop.testing.synthetic import jpeg
from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse, deaths, ended_well
from tests.waiting import until

pytestmark = pytest.mark.kafka

COUNT = 60
MOVES = range(30, 33)  # pictures of the hall in which something is there
RULES = {  # by stream: its policy, and the reason of what is not looked at
    "newest": ("latest", "not-newest"),
    "fresh": ("max_age_ms=1", "too-old"),
    "third": ("every_n=3", "every-n"),
}
SLOW = [f"slow-{number}" for number in range(9)]
SLOW_FPS, FAST_FPS = 4, 120
JUDGED = 40  # frames of each slow camera
SOME = 4  # turns that a slow camera may have missed by chance


@pytest.fixture
def kafka(house: House, kafka_cluster: Cluster) -> Iterator[KafkaHouse]:
    with KafkaHouse(house, kafka_cluster) as kafka:
        yield kafka


def hall(kafka: KafkaHouse) -> str:
    """Make a folder with the pictures of a fixed camera; return it as a source."""
    folder = kafka.house.path / "hall"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:02}.jpg").write_bytes(jpeg(160, 120, shade=200 if number in MOVES else 10))
    return str(folder)


def first_events(kafka: KafkaHouse, lane: str) -> list[dict[str, Any]]:
    """Return the events of a lane, of each id the first."""
    found: dict[str, dict[str, Any]] = {}
    for event in kafka.ledger().events:
        if event["lane"] == lane:
            found.setdefault(event["event_id"], event)
    return list(found.values())


def assert_closed(kafka: KafkaHouse, lane: str = "main") -> None:
    """The audit finds an outcome for every frame, and nothing that is missing or out of order."""
    with kafka.open() as log:
        report: AuditReport = audit(log, lane=lane)
    assert report.ok, report.findings
    assert report.frames == sum(report.outcomes.values()) > 0
    assert report.duplicates <= WINDOW


def test_who_dies_under_a_policy_or_the_motion_gate_leaves_no_frame_without_its_event(kafka: KafkaHouse) -> None:
    sources = [f"{stream}=testsrc:?size=96x64&count={COUNT}" for stream in RULES]
    kafka.fill([*sources, f"hall={hall(kafka)}"])
    rules = [word for stream, (rule, _) in RULES.items() for word in ("--policy", f"{stream}={rule}")]

    report = kafka.detect(*rules, fail_at="event.produced@2")
    assert deaths(report, "worker-0"), "the worker lived on"
    assert_closed(kafka)
    looked_at: dict[str, set[int]] = {stream: set() for stream in [*RULES, "hall"]}
    reasons: dict[str, set[str]] = {stream: set() for stream in looked_at}
    for event in first_events(kafka, "main"):
        if event["outcome"] == "detected":
            looked_at[event["stream"]].add(event["seq"])
        else:
            reasons[event["stream"]].add(event["reason"])
    assert reasons == {stream: {reason} for stream, (_, reason) in RULES.items()} | {"hall": set()}
    assert looked_at["third"] == set(range(0, COUNT, 3))
    assert COUNT - 1 in looked_at["newest"], "nothing was newer"
    assert not looked_at["fresh"], "everything was older than that before detection began"
    assert looked_at["hall"] == set(range(COUNT)), "it has no policy"

    report = kafka.detect("--lane", "motion", "--when", "motion", fail_at="infer.mid@6")
    assert deaths(report, "detector-0"), "the detector lived on"
    assert_closed(kafka, "motion")
    moved = [event for event in first_events(kafka, "motion") if event["stream"] == "hall"]
    assert set(MOVES) <= {event["seq"] for event in moved if event["outcome"] == "detected"}
    assert Counter(event["reason"] for event in moved)["no-motion"] >= COUNT // 3


def received(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["received_at"])


def test_a_fast_camera_takes_no_turns_of_slow_ones(kafka: KafkaHouse) -> None:
    """There are more frames than the network can look at. Whatever this machine manages, a slow camera gets all it needs, or as
    much as two thirds of what the fast one gets, but for some turns."""
    cameras = [f"{stream}=testsrc:?size=160x120&rate={SLOW_FPS}" for stream in SLOW]
    cameras.append(f"fast=testsrc:?size=160x120&rate={FAST_FPS}")
    words = ["--policy", "latest", "--lanes", "1", "--max-batch", "1"]
    with kafka.watch() as watcher:
        running = kafka.house.start("run", *cameras, *kafka.at, *words)
        until(lambda: set(watcher.by_stream) >= {*SLOW, "fast"}, "an event of every camera", 120)
        began, before = datetime.now(UTC), watcher.by_stream  # what came while the model was loaded waits no more
        until(lambda: all(watcher.by_stream[one] >= before[one] + JUDGED for one in SLOW), "a while of overload", 120)
        running.send_signal(signal.SIGTERM)
        ended_well(running)
    assert_closed(kafka)
    events = first_events(kafka, "main")
    judged = [event for event in events if received(event) > began]
    frames = Counter(event["stream"] for event in judged)
    looked_at = Counter(event["stream"] for event in judged if event["outcome"] == "detected")
    assert looked_at["fast"] < 0.8 * frames["fast"], "there was no overload"
    for stream in SLOW:
        assert looked_at[stream] >= 0.6 * min(frames[stream], looked_at["fast"]) - SOME, (frames, looked_at)
    assert {event["reason"] for event in events if event["outcome"] == "skipped"} <= {"not-newest", "too-old"}
