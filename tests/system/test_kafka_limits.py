"""A topic of frames that takes less than it did, from one moment to the next."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import Any

import pytest

from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_house import KafkaHouse, deaths, ended_well
from tests.waiting import until

pytestmark = pytest.mark.kafka

COUNT = 200
LARGE = f"large=testsrc:?size=640x480&count={COUNT}"  # about 20 kB each
SMALL = f"small=testsrc:?size=64x64&count={COUNT}"
LIMIT = 6000


def _outcomes(kafka: KafkaHouse) -> dict[str, Counter[str]]:
    """Return outcomes by stream. A failed event's reason must name the limit."""
    found: dict[str, Counter[str]] = {}
    for event in kafka.ledger().events:
        found.setdefault(event["stream"], Counter())[event["outcome"]] += 1
        assert event["outcome"] != "failed" or "max.message.bytes" in event["reason"], event["reason"]
    return found


def _check(kafka: KafkaHouse) -> None:
    """Every frame has its event, none of a small picture has failed, and the audit agrees."""
    found = _outcomes(kafka)
    assert found["small"] == {"detected": COUNT}
    assert sum(found["large"].values()) == COUNT
    assert found["large"]["failed"] > 0
    audit = kafka.house.framehop("audit", *kafka.at, "--json")
    said: dict[str, Any] = json.loads(audit.stdout)
    assert (audit.returncode, said["missing"], said["out_of_order"]) == (0, 0, 0), audit.stdout


def test_a_pipeline_goes_on(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        report = house.path / "report.json"
        words = ["run", LARGE, SMALL, *kafka.at, "--model", kafka.model, "--rate", "25", "--report", report]
        run = house.start(*words)
        watcher.wait_for(40)
        kafka_cluster.set_limit(f"{kafka.prefix}.frames", LIMIT)
        said = ended_well(run)
        assert "frame large/" in said
        assert len(deaths(json.loads(report.read_text()), "ingest-0")) == 1
        _check(kafka)


def test_an_ingest_names_the_frame_and_goes_on_with_it(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest([LARGE, SMALL], "25")
        detect = kafka.start_detect()
        watcher.wait_for(40)
        kafka_cluster.set_limit(f"{kafka.prefix}.frames", LIMIT)
        _, stderr = ingest.communicate(timeout=60)
        assert ingest.returncode == 1
        assert b"frame large/" in stderr, stderr.decode()
        assert b"the next start goes on with it" in stderr, stderr.decode()
        kafka.fill([LARGE, SMALL])
        watcher.wait_for(2 * COUNT)
        detect.terminate()
        ended_well(detect)
        _check(kafka)


def test_an_ingest_with_a_spool_ends_as_well_and_the_next_one_sends_what_is_in_it(
    house: House, kafka_cluster: Cluster
) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:

        def begin(more_than: int) -> subprocess.Popen[bytes]:
            ingest = kafka.start_ingest(["large=testsrc:?size=640x480"], "25", "--spool", str(house.path / "spool"))
            until(lambda: kafka.count("frames") > more_than, "frames in the log", 60)
            return ingest

        ingest = begin(20)
        kafka_cluster.set_limit(f"{kafka.prefix}.frames", LIMIT)
        _, stderr = ingest.communicate(timeout=60)
        assert ingest.returncode == 1
        assert b"frame large/" in stderr, stderr.decode()
        assert b"the next ingest here sends them" in stderr, stderr.decode()
        ingest = begin(kafka.count("frames") + 20)
        ingest.terminate()
        assert "the next ingest here sends them" not in ended_well(ingest)
        kafka.detect()
        report = json.loads(house.framehop("audit", *kafka.at, "--json").stdout)
        assert (report["missing"], report["outcomes"].keys()) == (0, {"detected", "failed"})
