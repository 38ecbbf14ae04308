"""The offsets of detection's group are deleted, or have expired, between two runs."""

from __future__ import annotations

import pytest

from framehop.errors import LogError
from tests.broker import Cluster
from tests.system.harness import House, pictures_of
from tests.system.kafka_house import KafkaHouse, ended_well
from tests.waiting import until

pytestmark = pytest.mark.kafka

COUNT = 60
SOURCE = f"testsrc:?size=320x240&count={COUNT}"


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_nothing_is_detected_twice(house: House, kafka_cluster: Cluster, delivery: str) -> None:
    first, second = ([f"{word}-{number}={SOURCE}" for number in range(3)] for word in ("early", "late"))
    with KafkaHouse(house, kafka_cluster, delivery=delivery) as kafka:
        kafka.fill(first)
        kafka.detect("--workers", "2")
        until(lambda: forgotten(kafka), "a group without members")
        assert kafka.committed() == {}
        kafka.fill(second)
        detect = kafka.start_detect("--until-idle", "0.5")
        said = ended_well(detect)
        assert "By its events the group had come to" in said.replace("\n", " ")
        crcs = pictures_of(SOURCE)
        names = [source.partition("=")[0] for source in (*first, *second)]
        kafka.ledger().check(dict.fromkeys(names, crcs), repeats=0)


def forgotten(kafka: KafkaHouse) -> bool:
    """The members of a static group stay until their session ends."""
    with kafka.open() as log:
        try:
            log.forget_group("detect-main")
        except LogError:
            return False
    return True
