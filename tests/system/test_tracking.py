"""Track ids of pipelines whose workers are killed are those of an uninterrupted run."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

import framehop
from framehop.tracking import StreamTracker
from framehop.types import Event
from tests.broker import Cluster
from tests.scenes import ids, without_ids
from tests.system.harness import House
from tests.system.kafka_house import KafkaHouse
from tests.tiny_model import write_columns_model
from tests.waiting import until

COLUMNS = 16
STREAMS = 3


def cards(count: int) -> list[str]:
    """Test cards, whose shapes light up one column of the model after the other."""
    return [f"cam-{k}=testsrc:?size=320x240&count={count}" for k in range(STREAMS)]


def of_log(house: House) -> list[Event]:
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        return [record.event for record in reader]


def check_ids(found: Iterable[Event], count: int) -> None:
    """The first event of each id has the ids that a tracker gives that saw the whole epoch."""
    first: dict[str, Event] = {}
    for event in found:
        first.setdefault(event.event_id, event)
    assert len(first) == STREAMS * count
    trackers: dict[tuple[str, int], StreamTracker] = {}
    for event in sorted(first.values(), key=lambda event: event.key):
        tracker = trackers.setdefault((event.stream, event.epoch), StreamTracker())
        assert event == tracker.follow(without_ids(event)), f"{event.event_id} has ids {ids(event)}"
    assert all(tracker.last_id > COLUMNS for tracker in trackers.values()), "nothing came and went"


def writers(found: Iterable[Event]) -> set[str]:
    return {event.writer for event in found}


@pytest.mark.timeout(900)
def test_ids_over_kills_are_those_of_an_uninterrupted_run(house: House, request: pytest.FixtureRequest) -> None:
    kills = 20 if request.config.getoption("--soak") else 5
    count = 60 * kills
    model = write_columns_model(house.path, COLUMNS)
    words: list[str | Path] = ["run", *cards(count), "--log", house.log, "--rate", "25", "--model", model]
    supervisor = house.start(*words, "--track", "byte", "--workers", "2")
    for _ in range(kills):
        before = house.events()
        until(lambda: house.events() > before + 20, "progress", 60)  # noqa: B023
        busy = int(of_log(house)[-1].writer.rpartition("/")[2])  # a worker without a stream proves nothing
        for process in house.processes():
            if process.pid == busy:
                process.send_signal(signal.SIGKILL)
    assert supervisor.poll() is None, "the work was over before the kills were"
    _, said = supervisor.communicate(timeout=600)
    assert supervisor.returncode == 0, said.decode()
    events = of_log(house)
    assert len(writers(events)) > 2
    check_ids(events, count)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("delivery", "point"), [("at-least-once", "event.produced@8"), ("exactly-once", "offsets.stored@8")]
)
def test_ids_over_kills_on_kafka(house: House, kafka_cluster: Cluster, delivery: str, point: str) -> None:
    """The first worker dies between its events and their offsets, the next at any moment of their work."""
    count = 250
    with KafkaHouse(house, kafka_cluster, delivery=delivery, partitions=2) as kafka, kafka.watch() as watcher:
        model = write_columns_model(house.path, COLUMNS)
        words: list[str | Path] = ["run", *cards(count), *kafka.at, "--model", model, "--rate", "25", "--track", "byte"]
        supervisor = house.start(*words, fail_at=point)
        for _ in range(2):
            watcher.wait_for(watcher.seen + 100)
            for process in house.processes("worker-0"):
                process.send_signal(signal.SIGKILL)
        assert supervisor.poll() is None, "the work was over before the kills were"
        _, said = supervisor.communicate(timeout=300)
        assert supervisor.returncode == 0, said.decode()
        with kafka.open() as log, log.events() as reader:
            events = [record.event for record in reader]
    assert len(writers(events)) > 2
    check_ids(events, count)
