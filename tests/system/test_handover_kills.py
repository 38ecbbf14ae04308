"""Hand-overs held open and broken off by kills: every partition has an owner again, and nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest

import framehop
from framehop.protocols import EventReader, FrameLog
from framehop.types import Partition
from tests.broker import Cluster
from tests.system.counted_cameras import DELIVERIES, cameras, pictures
from tests.system.handovers import HandOvers
from tests.system.harness import House, check_ledger
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.system.owners import BOUND_S, Owners, owners_of
from tests.tiny_model import write_model
from tests.waiting import until

RATE = "5"  # pictures a second of each stream
LONGEST_ROUND_S = 60


def rounds_of(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--rounds") or (100 if request.config.getoption("--soak") else 2))


def audit(house: House, *args: object) -> None:
    done = house.framehop("audit", *map(str, args), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["missing"] == 0


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_kafka(house: House, kafka_cluster: Cluster, request: pytest.FixtureRequest, delivery: str) -> None:
    rounds = rounds_of(request)
    with KafkaHouse(house, kafka_cluster, delivery=delivery) as kafka:
        with kafka.watch() as watcher, owners_of(kafka) as owners:
            ingest = kafka.start_ingest(cameras(rounds * LONGEST_ROUND_S * int(RATE)), RATE)
            killer = HandOvers(
                lambda workers: kafka.start_detect("--workers", workers), owners, lambda: watcher.by_stream
            )
            killer.run(rounds)
            assert owners.longest_s < BOUND_S
            assert ingest.poll() is None, "the load was over before the kills were"
            ingest.terminate()
            ended_well(ingest)
            until(lambda: kafka.committed() == kafka.ends(), "offsets at the end", 60)
            killer.end()
        ledger = kafka.ledger()
        repeats = 0 if delivery == "exactly-once" else 2 * rounds * WINDOW
        ledger.check(pictures(max(seq for _, _, seq in ledger.folded) + 1), prefix=True, repeats=repeats)
        audit(house, *kafka.at)


class EmbeddedLook:
    """Looks at a log in a directory: its owners, and its events by stream."""

    def __init__(self, log: FrameLog, events: EventReader) -> None:
        self._log, self._events = log, events
        self._seen = Counter[str]()

    def owners(self) -> dict[Partition, str]:
        return {Partition(lag.topic, lag.partition): lag.owner for lag in self._log.lag("detect-main")}

    def progress(self) -> Mapping[str, int]:
        while found := self._events.poll(1000, 0.0):
            self._seen.update(record.event.stream for record in found)
        return self._seen.copy()

    def caught_up(self) -> bool:
        return self._log.committed("detect-main") == self._log.end_offsets()

    def frames(self) -> Counter[str]:
        return Counter(meta.key.stream for meta in self._log.scan_frames())


@pytest.mark.timeout(7200)
def test_embedded(house: House, request: pytest.FixtureRequest) -> None:
    rounds = rounds_of(request)
    at = ["--log", str(house.log)]
    model = write_model(house.path)
    framehop.open_log(house.log).close()
    ingest = house.start("ingest", *cameras(rounds * LONGEST_ROUND_S * int(RATE)), *at, "--rate", RATE)
    with framehop.open_log(house.log, create=False) as log, log.events() as events:
        look = EmbeddedLook(log, events)
        with Owners(look.owners) as owners:
            killer = HandOvers(
                lambda workers: house.start("detect", *at, "--model", model, "--workers", workers),
                owners,
                look.progress,
            )
            killer.run(rounds)
            assert owners.longest_s < BOUND_S
            assert ingest.poll() is None, "the load was over before the kills were"
            ingest.terminate()
            ended_well(ingest)
            until(look.caught_up, "offsets at the end", 60)
            killer.end()
        there = look.frames()
    crcs = pictures(max(there.values()))["cam-0"]
    check_ledger(house.log, {stream: crcs[:count] for stream, count in there.items()})
    audit(house, *at)
