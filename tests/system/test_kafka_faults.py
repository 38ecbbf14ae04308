"""Faults with the log in Kafka: real processes, a real broker, and a ledger that somebody else keeps."""

from __future__ import annotations

import pytest

from tests.broker import Cluster
from tests.system.harness import House, pictures_of
from tests.system.kafka_house import WINDOW, KafkaHouse, deaths

COUNT = 100
DELIVERIES = ["at-least-once", "exactly-once"]


def cameras(count: int = COUNT, streams: int = 4) -> list[str]:
    return [f"cam-{i}=testsrc:?size=320x240&count={count}" for i in range(streams)]


def pictures(count: int = COUNT, streams: int = 4) -> dict[str, list[int]]:
    crcs = pictures_of(cameras(count)[0])
    assert len(crcs) == count
    return {f"cam-{i}": crcs for i in range(streams)}


@pytest.mark.parametrize(
    ("point", "delivery"),
    [
        ("event.produced@3", "at-least-once"),
        ("offsets.stored@2", "at-least-once"),
        ("event.produced@3", "exactly-once"),
        ("offsets.stored@3", "exactly-once"),
    ],
)
def test_killed_at_a_point(house: House, kafka_cluster: Cluster, point: str, delivery: str) -> None:
    with KafkaHouse(house, kafka_cluster, delivery=delivery) as kafka:
        kafka.fill(cameras())
        with kafka.watch() as watcher:
            report = kafka.detect("--slots", "1", fail_at=point)
            watcher.wait_for(4 * COUNT)
        killed = deaths(report, "worker-0")
        assert [death["signal"] for death in killed] == ["SIGKILL"], report
        ledger = kafka.ledger()
        assert len(ledger.writers) == 2, "the kill came before or after the work"
        if delivery == "exactly-once":
            ledger.check(pictures())
            assert watcher.repeats == 0
        else:
            ledger.check(pictures(), repeats=WINDOW)
            assert ledger.repeats > 0, "nothing was in flight"
