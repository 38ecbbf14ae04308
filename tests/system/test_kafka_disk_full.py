"""The broker's disk is full. It ends itself, as Kafka does when its last directory fails; there is room again, it is started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Cluster
from tests.small_disk import MIB, SmallDisk
from tests.system.harness import House, pictures_of
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.waiting import until

pytestmark = pytest.mark.kafka

# Kafka writes its indexes through a memory map, where a full disk is a bus error in place of an error code. Partitions that hold
# something already have their index pages for the next 512 entries: what fails first is an append.
WARM, LATE = 20, 150


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("a disk of its own for the broker: only root may mount one")
    place = tmp_path / "disk"
    place.mkdir()
    with SmallDisk(place, mib=64) as small:
        if small.why_not:
            pytest.skip(f"a disk of its own for the broker: {small.why_not}")
        yield small


def cameras(name: str, count: int) -> dict[str, str]:
    return {f"{name}-{i}": f"{name}-{i}=testsrc:?size=320x240&count={count}" for i in range(4)}


def test_the_disk_of_the_broker_is_full(house: House, disk: SmallDisk) -> None:
    sources = cameras("warm", WARM) | cameras("late", LATE)
    with Cluster(disk.path, under=disk.under) as cluster, KafkaHouse(house, cluster) as kafka, kafka.watch() as watcher:
        worker = kafka.start_detect()
        kafka.fill(list(cameras("warm", WARM).values()))
        watcher.wait_for(4 * WARM)
        disk.fill(but_bytes=MIB)
        ingest = kafka.start_ingest(list(cameras("late", LATE).values()), "40")
        kafka.wait_said(ingest, "the log takes no frames: ")
        until(lambda: not cluster.status()["running"], "the end of the broker")
        assert ingest.poll() is None, "ingest gave up"
        assert watcher.seen < 4 * (WARM + LATE), "the disk did not fill up"
        disk.make_room()
        cluster.start()
        ended_well(ingest)
        watcher.wait_for(len(sources) // 2 * (WARM + LATE))
        worker.terminate()
        ended_well(worker)
        assert kafka.committed() == kafka.ends()
        ledger = kafka.ledger()
        ledger.check({name: pictures_of(source) for name, source in sources.items()}, repeats=WINDOW)
        assert len(ledger.frames) == 4 * (WARM + LATE), "a frame was appended twice"
