"""The only broker is away under live cameras, whose ingest is killed meanwhile: what was on disk comes into the log, in order."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import pytest

from framehop.log.kafka.kafka_log import KafkaLog
from framehop.ops.audit import audit
from framehop.sources import parse_source
from tests.broker import Cluster
from tests.small_disk import MIB, SmallDisk
from tests.system.harness import House
from tests.system.kafka_house import KafkaHouse
from tests.waiting import until

Epoch = tuple[str, int]  # stream, epoch

CAMERA = "testsrc:?size=320x240"
CAMERAS = [f"cam-{number}={CAMERA}" for number in range(4)]
FPS = 20
PATIENCE_S = 120


def spool_of(kafka: KafkaHouse) -> Path:
    return kafka.house.path / "spool"


def in_spool(kafka: KafkaHouse) -> dict[Epoch, tuple[int, int]]:
    """Return what lies in the spool: the first and the last seq by epoch, as SQLite tells it."""
    found: dict[Epoch, tuple[int, int]] = {}
    for index in spool_of(kafka).glob("*/*/index.db"):
        sql = "SELECT stream, epoch, min(seq), max(seq) FROM frames GROUP BY stream, epoch"
        try:
            with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as db:
                found |= {(stream, epoch): (first, last) for stream, epoch, first, last in db.execute(sql)}
        except sqlite3.OperationalError:  # it is just being made, or has just gone
            continue
    return found


def wait_spooled(kafka: KafkaHouse, frames: int, *, besides: Mapping[Epoch, object] | None = None) -> None:
    """Wait until the spool holds so many frames of an epoch of each camera."""

    def enough() -> bool:
        fresh = {key: run for key, run in in_spool(kafka).items() if key not in (besides or {})}
        return len({stream for (stream, _), (first, last) in fresh.items() if last - first >= frames}) == len(CAMERAS)

    until(enough, f"{frames} frames of each camera in the spool", PATIENCE_S + 10 * frames / FPS)


def wait_drained(kafka: KafkaHouse) -> None:
    until(lambda: not in_spool(kafka), "an empty spool", 5 * PATIENCE_S)


def start_ingest(kafka: KafkaHouse) -> subprocess.Popen[bytes]:
    return kafka.start_ingest(CAMERAS, str(FPS), "--spool", str(spool_of(kafka)), "--json")


def stop(ingest: subprocess.Popen[bytes]) -> dict[str, dict[str, int]]:
    """End an ingest, and return its summary by stream."""
    ingest.send_signal(signal.SIGTERM)
    stdout, stderr = ingest.communicate(timeout=PATIENCE_S)
    assert ingest.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()
    streams: dict[str, dict[str, int]] = json.loads(stdout)["streams"]
    return streams


def pictures() -> Iterator[int]:
    """CRC-32 of the pictures of a camera that was just switched on."""
    return (zlib.crc32(picture.payload) for picture in parse_source(CAMERA).pictures())


def check_frames(kafka: KafkaHouse, at_least: Mapping[Epoch, int], *, gaps: bool = False) -> None:
    """Every epoch is in the log with all its pictures from the first on, in order. `at_least`: by epoch, the last seq that has to
    be there. `gaps`: some may be missing."""
    ledger = kafka.ledger()
    by_epoch: dict[Epoch, list[int]] = defaultdict(list)
    for stream, epoch, seq in ledger.folded:  # in the order of the log
        by_epoch[stream, epoch].append(seq)
    longest = max(max(seqs) for seqs in by_epoch.values())
    expected = list(islice(pictures(), longest + 1))
    for (stream, epoch), seqs in by_epoch.items():
        assert seqs == sorted(seqs), f"{stream}/{epoch}: out of order"
        assert gaps or seqs == list(range(len(seqs))), f"{stream}/{epoch}: lost"
        assert [ledger.folded[stream, epoch, seq] for seq in seqs] == [expected[seq] for seq in seqs]
    assert {key: max(by_epoch[key], default=-1) >= last for key, last in at_least.items()} == dict.fromkeys(
        at_least, True
    )


def last_of(summary: Mapping[str, Mapping[str, int]]) -> dict[Epoch, int]:
    """Return the last seq by epoch, without those of cameras that have given nothing yet."""
    return {(stream, of["epoch"]): of["last_seq"] for stream, of in summary.items() if of["last_seq"] is not None}


def check_audit(kafka: KafkaHouse) -> None:
    kafka.detect()
    with KafkaLog(kafka.url) as log:
        report = audit(log)
    assert report.ok, report.findings


def away_and_killed(kafka: KafkaHouse, frames: int) -> None:
    """Stop the broker until each camera has given twice so many frames, and kill ingest in between. All of it arrives, in order."""
    ingest = start_ingest(kafka)
    until(lambda: kafka.count("frames") > 40, "frames in the log", PATIENCE_S)
    kafka.cluster.kill()
    wait_spooled(kafka, frames)
    ingest.kill()
    ingest.communicate()
    killed = {key: last for key, (_, last) in in_spool(kafka).items()}
    ingest = start_ingest(kafka)
    wait_spooled(kafka, frames, besides=killed)
    kafka.cluster.start()
    wait_drained(kafka)
    summary = stop(ingest)
    check_frames(kafka, killed | last_of(summary))
    check_audit(kafka)


def test_the_only_broker_is_away_and_ingest_is_killed_meanwhile(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:
        away_and_killed(kafka, 30)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_only_broker_is_away_for_two_minutes(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:
        away_and_killed(kafka, 60 * FPS)


def kill_while_it_drains(kafka: KafkaHouse, seed: int, kills: int) -> None:
    """Fill the spool while the broker is away, then kill ingest at random instants until it has drained."""
    dice = random.Random(seed)
    acknowledged: dict[Epoch, int] = {}
    kafka.cluster.kill()
    ingest = start_ingest(kafka)
    wait_spooled(kafka, 40)
    kafka.cluster.start()
    for _ in range(kills):
        before = in_spool(kafka)
        acknowledged |= {key: last for key, (_, last) in before.items()}
        some = sum(last - first + 1 for first, last in before.values()) * dice.uniform(0.1, 0.9)
        until(lambda: sum(b - a + 1 for a, b in in_spool(kafka).values()) <= some, "a part of it to leave", PATIENCE_S)  # noqa: B023
        ingest.kill()
        ingest.communicate()
        ingest = start_ingest(kafka)
    wait_drained(kafka)
    drained = kafka.count("frames")  # maybe by the one before, and the last one has just been started
    until(lambda: kafka.count("frames") > drained, "frames of the last one", PATIENCE_S)
    check_frames(kafka, acknowledged | last_of(stop(ingest)))


def test_ingest_is_killed_while_it_drains(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:
        kill_while_it_drains(kafka, seed=1, kills=2)
        check_audit(kafka)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ingest_is_killed_while_it_drains_many_times(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:
        for seed in range(10):
            kill_while_it_drains(kafka, seed, kills=3)
        check_audit(kafka)


def test_a_full_spool_leaves_gaps_that_the_audit_knows(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka:
        ingest = kafka.start_ingest(CAMERAS, str(FPS), "--spool", str(spool_of(kafka)), "--spool-max", "1MiB", "--json")
        until(lambda: kafka.count("frames") > 20, "frames in the log", PATIENCE_S)
        kafka_cluster.kill()
        kafka.wait_said(ingest, "the spool drops its oldest frames", PATIENCE_S)
        kafka_cluster.start()
        wait_drained(kafka)
        until(lambda: bool(kafka.ledger().gaps), "gap records", PATIENCE_S)
        check_frames(kafka, last_of(stop(ingest)), gaps=True)
        check_audit(kafka)
        assert {gap["reason"] for gap in kafka.ledger().gaps} == {"spool-full"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    place = tmp_path / "spool"
    place.mkdir()
    with SmallDisk(place, mib=48) as small:
        if small.why_not:
            pytest.skip(f"a disk of its own for the spool: {small.why_not}")
        yield small


def test_the_disk_of_the_spool_is_full(house: House, kafka_cluster: Cluster, disk: SmallDisk) -> None:
    """Ingest goes on without it, and then with it."""
    with KafkaHouse(house, kafka_cluster, queue_bytes=MIB) as kafka:
        words = ["ingest", *CAMERAS, *kafka.at, "--rate", "20", "--spool", disk.path, "--json"]
        ingest = kafka.house.start(*words, under=disk.under)
        until(lambda: kafka.count("frames") > 40, "frames in the log", PATIENCE_S)
        disk.fill(but_bytes=8 * MIB)
        kafka_cluster.kill()
        kafka.wait_said(ingest, "no room for the log in", PATIENCE_S)
        kafka_cluster.start()
        before = kafka.count("frames")
        until(lambda: kafka.count("frames") > before + 40, "frames in the log again", PATIENCE_S)
        disk.make_room()
        check_frames(kafka, last_of(stop(ingest)))
        check_audit(kafka)
