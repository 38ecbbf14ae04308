"""Sites with topics of their own, and workers that find them by pattern."""

from __future__ import annotations

import json
import subprocess
import uuid

import pytest

from tests.broker import Cluster
from tests.system.harness import House, pictures_of
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.system.owners import GroupLook, Owners
from tests.waiting import until

pytestmark = pytest.mark.kafka

COUNT = 120
SOURCE = f"testsrc:?size=320x240&count={COUNT}"


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_two_workers_find_the_topics_of_three_sites(house: House, kafka_cluster: Cluster, delivery: str) -> None:
    """The third comes while they run."""
    word = f"cams-{uuid.uuid4().hex[:12]}"
    topics = {site: f"{word}.{site}" for site in ("east", "west", "north")}

    def start_ingest(site: str) -> subprocess.Popen[bytes]:
        config = kafka.write_config(site, labels={"site": site})
        sources = [f"{site}-{number}={SOURCE}" for number in range(2)]
        return house.start("ingest", *sources, "--log", kafka.url, "--config", config, "--rate", "30")

    with (
        KafkaHouse(
            house,
            kafka_cluster,
            delivery=delivery,
            partitions=2,
            frames=[topics["east"], topics["west"]],
            frames_topic=f"{word}.{{site}}",
        ) as kafka,
        kafka.watch() as watcher,
    ):
        detect = kafka.start_detect("--workers", "2")
        with Owners(GroupLook(kafka_cluster.bootstrap, f"{kafka.prefix}.detect-main", topics["east"])) as owners:
            owners.wait_covered(2)
        first = [start_ingest(site) for site in ("east", "west")]
        watcher.wait_for(20)
        made = house.framehop("topics", "create", *kafka.at, "--topic", topics["north"], "--partitions", "2")
        assert made.returncode == 0, made.stderr
        kafka.frames.append(topics["north"])
        third = start_ingest("north")
        for ingest in (*first, third):
            ended_well(ingest)
        watcher.wait_for(6 * COUNT)
        until(lambda: kafka.committed() == kafka.ends(), "offsets at the end")
        assert {place.topic for place in kafka.ends()} == set(topics.values())
        detect.terminate()
        print(ended_well(detect))
        assert len({writer.partition("/")[0] for writer in watcher.writers}) == 2, "one worker did it all"
        ledger = kafka.ledger()
        crcs = pictures_of(SOURCE)
        ledger.check(
            {f"{site}-{number}": crcs for site in topics for number in range(2)},
            repeats=WINDOW if delivery == "at-least-once" else 0,
        )
        places = {(event["stream"].partition("-")[0], event["frame"]["topic"]) for event in ledger.events}
        assert places == set(topics.items())
        audited = house.framehop("audit", *kafka.at, "--json")
        assert audited.returncode == 0, audited.stdout
        assert json.loads(audited.stdout)["frames"] == 6 * COUNT
        lag = json.loads(house.framehop("lag", *kafka.at, "--json").stdout)
        assert {found["topic"] for found in lag["partitions"]} == set(topics.values())
        assert lag["messages"] == 0
