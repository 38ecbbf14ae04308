"""Every partition has an owner again, whatever happens to a group while it changes hands or is away."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.broker import Cluster
from tests.system.counted_cameras import DELIVERIES, cameras, pictures
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.system.owners import BOUND_S, owners_of
from tests.waiting import until

AWAY_S = 120.0  # a session within which workers come back, on a machine that may be busy with other tests


def end(*processes: subprocess.Popen[bytes]) -> str:
    """End them, and return everything they said."""
    for process in processes:
        process.terminate()
    return "".join(ended_well(process) for process in processes)


@pytest.mark.parametrize("membership", ["static", "dynamic"])
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_killed_while_partitions_are_given_up(
    house: House, kafka_cluster: Cluster, delivery: str, membership: str
) -> None:
    count = 40
    with KafkaHouse(house, kafka_cluster, delivery=delivery, membership=membership) as kafka:
        with kafka.watch() as watcher, owners_of(kafka) as owners:
            first = kafka.start_detect()
            owners.wait_covered(1)
            worker, detector = house.wait_for("worker-0"), house.wait_for("detector-0")
            kafka.fill(cameras(count))
            watcher.wait_for(4 * count)
            detector.suspend()  # what is in flight holds the hand-over open
            kafka.fill([f"late-{source}" for source in cameras(count)])
            second = kafka.start_detect()
            owners.forget()
            owners.wait_orphaned()
            worker.kill()
            detector.resume()
            owners.wait_covered(2)
            assert owners.longest_s < BOUND_S
            watcher.wait_for(8 * count)
            said = end(first, second)
            # Static: unless the dead one's session was over before it came back.
            assert membership == "static" or "nobody reads" not in said
        ledger = kafka.ledger()
        late = {f"late-{name}": crcs for name, crcs in pictures(count).items()}
        ledger.check(pictures(count) | late, repeats=0 if delivery == "exactly-once" else WINDOW)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_partitions_added_while_workers_were_away(house: House, kafka_cluster: Cluster, delivery: str) -> None:
    """Workers that were away for less than their session are given what they had."""
    with KafkaHouse(house, kafka_cluster, delivery=delivery, partitions=2, session_timeout_s=AWAY_S) as kafka:
        with kafka.watch() as watcher, owners_of(kafka) as owners:
            kafka.fill(cameras(10))
            first = kafka.start_detect()
            watcher.wait_for(40)
            owners.wait_covered(1)
            end(first)
            kafka.add_partitions(6)
            until(lambda: len(owners.now) == 6, "the added partitions")
            second = kafka.start_detect()
            owners.wait_covered(1)
            kafka.fill([f"late-{source}" for source in cameras(10, streams=12)])
            watcher.wait_for(40 + 120)
            assert "nobody reads" in end(second)
        ledger = kafka.ledger()
        assert max(frame.partition for frame in ledger.frames) > 1
        ledger.check()


def test_topics_added_while_workers_were_away(house: House, kafka_cluster: Cluster) -> None:
    """`framehop lag` tells who reads what, and a topic that fits the template is read as if it had come later."""
    name = house.path.name
    frames = [f"cams-{name}.east", f"cams-{name}.west"]
    template: dict[str, Any] = {"frames_topic": f"cams-{name}.{{site}}", "labels": {"site": "east"}}
    with KafkaHouse(house, kafka_cluster, frames=frames[:1], session_timeout_s=AWAY_S, **template) as kafka:
        with kafka.watch() as watcher:
            kafka.fill(cameras(10))
            first = kafka.start_detect()
            watcher.wait_for(40)
            end(first)
            assert all(lag["owner"] for lag in lags(kafka)), "its session has ended"
            kafka.frames.append(kafka_cluster.create_topic(frames[1], partitions=2))
            west = kafka.write_config("west", labels={"site": "west"})
            filled = house.framehop(
                "ingest", "far=testsrc:?size=320x240&count=10", "--log", kafka.url, "--config", west, "--rate", "max"
            )
            assert filled.returncode == 0, filled.stderr
            assert {lag["topic"] for lag in lags(kafka) if not lag["owner"]} == {frames[1]}
            second = kafka.start_detect()
            watcher.wait_for(50)
            assert len({lag["owner"] for lag in lags(kafka)}) == 1
            assert f"nobody reads {frames[1]}/0, {frames[1]}/1: " in end(second)
        kafka.ledger().check()


def lags(kafka: KafkaHouse) -> list[dict[str, object]]:
    done = kafka.house.framehop("lag", *kafka.at, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)["partitions"]
    return found
