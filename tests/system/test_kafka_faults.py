"""Faults with the log in Kafka: real processes, a real broker, and a ledger that somebody else keeps."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import zlib

import pytest

import framehop
from framehop.sources import parse_source
from framehop.types import Frame
from tests.broker import Cluster
from tests.system.counted_cameras import COUNT, DELIVERIES, cameras, pictures
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse, deaths, ended_well
from tests.waiting import until


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


ENDLESS = 100_000  # pictures, so that no fault comes when the load is over already


# ---------------------------------------------------------------- any process, at any moment


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_random_kills(house: House, kafka_cluster: Cluster, request: pytest.FixtureRequest, delivery: str) -> None:
    """Any process of a working `framehop run`, at random instants; a killed supervisor is started again with the same words."""
    rounds = 200 if request.config.getoption("--soak") else 10
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sources = cameras(rounds * 100)
    with KafkaHouse(house, kafka_cluster, delivery=delivery) as kafka, kafka.watch() as watcher:
        supervisor = kafka.start_run(sources, "8", quiet=True)
        for _ in range(rounds):
            watcher.wait_for(watcher.seen + 1)
            victim = chance.choice(["worker-0", "detector-0", "ingest-0", "supervisor"])
            house.kill_after(chance.random() * 0.25, victim, supervisor)
            if supervisor.poll() is not None:
                until(lambda: not house.processes(), "the end of all that the supervisor had started", 10)
                supervisor = kafka.start_run(sources, "8", quiet=True)
        watcher.wait_for(watcher.seen + 1)
        supervisor.terminate()
        assert supervisor.wait(20) in (0, 1)  # 1: stopped before the last victim was back
        kafka.detect()
        ledger = kafka.ledger()
        once = delivery == "exactly-once"
        ledger.check(pictures(ledger.longest), prefix=True, repeats=0 if once else rounds * WINDOW)
        watcher.wait_for(len(ledger.folded))
        assert watcher.repeats <= (0 if once else rounds * WINDOW)


# ---------------------------------------------------------------- bounces, with a reader beside


@pytest.mark.parametrize(
    ("delivery", "who", "how"),
    [
        ("at-least-once", "broker", "hard"),
        ("exactly-once", "broker", "hard"),
        ("exactly-once", "broker", "clean"),
        ("exactly-once", "client", "hard"),
        ("exactly-once", "client", "clean"),
    ],
)
def test_bounced_while_a_reader_follows(
    house: House, kafka_cluster: Cluster, delivery: str, who: str, how: str
) -> None:
    once = delivery == "exactly-once"
    with KafkaHouse(house, kafka_cluster, delivery=delivery) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest(cameras(ENDLESS), "25")
        worker = kafka.start_detect()
        watcher.wait_for(20)
        if who == "broker":
            (kafka_cluster.kill if how == "hard" else kafka_cluster.stop)()
            kafka_cluster.start()
        else:
            worker.send_signal(signal.SIGKILL if how == "hard" else signal.SIGTERM)
            worker.communicate(timeout=60)
            house.assert_only_runs("ingest")
            worker = kafka.start_detect()
        watcher.wait_for(watcher.seen + 100, 120)
        ingest.terminate()
        ended_well(ingest)
        until(lambda: kafka.committed() == kafka.ends(), "offsets at the end", 120)
        worker.terminate()
        ended_well(worker)
        ledger = kafka.ledger()
        ledger.check(pictures(ledger.longest), prefix=True, repeats=0 if once else WINDOW)
        watcher.wait_for(len(ledger.folded))
        assert watcher.repeats <= (0 if once else WINDOW)


def test_events_wait_for_a_broker_that_is_away(house: House, kafka_cluster: Cluster) -> None:
    """Frames are answered while no broker is there: no offset moves, and they come under the same ids afterwards."""
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        worker = kafka.start_detect("-v")
        detector = house.wait_for("detector-0")
        kafka.fill(cameras(20))
        watcher.wait_for(80)
        detector.suspend()
        kafka.fill([f"late-{source}" for source in cameras(20)])
        kafka_cluster.kill()
        detector.resume()
        kafka.wait_said(worker, "events wait for the broker")
        kafka_cluster.start()
        kafka.check_commits()
        watcher.wait_for(160)
        worker.terminate()
        ended_well(worker)
        kafka.ledger().check(
            pictures(20) | {f"late-{name}": crcs for name, crcs in pictures(20).items()}, repeats=WINDOW
        )


def test_a_broker_that_is_away_does_not_hold_up_the_end(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        run = kafka.start_run(cameras(1000), "10", quiet=True)
        watcher.wait_for(20)
        kafka_cluster.kill()
        run.terminate()
        run.wait(timeout=90)
        kafka_cluster.start()
        kafka.detect()
        ledger = kafka.ledger()
        ledger.check(pictures(ledger.longest), prefix=True, repeats=WINDOW)


# ---------------------------------------------------------------- ingest


def test_ingest_killed_with_frames_in_doubt_goes_on_at_the_next_seq(house: House, kafka_cluster: Cluster) -> None:
    count = 300
    with KafkaHouse(house, kafka_cluster) as kafka:
        # Not as fast as it can: all of it would be with the broker before the first answer is here.
        first = house.framehop("ingest", *cameras(count), *kafka.at, "--rate", "100", fail_at="ingest.appended@20")
        assert first.returncode == -signal.SIGKILL
        there = kafka.count("frames")
        assert 0 < there < 4 * count
        second = house.framehop("ingest", *cameras(count), *kafka.at, "--rate", "max", "--json")
        assert second.returncode == 0, second.stderr
        streams = json.loads(second.stdout)["streams"]
        assert sum(stream["first_seq"] for stream in streams.values()) >= there
        kafka.detect()
        kafka.ledger().check(pictures(count))


def test_an_oversize_frame_is_a_failed_event_and_a_dead_letter(house: House, kafka_cluster: Cluster) -> None:
    folder = house.path / "pictures"
    folder.mkdir()
    small = next(iter(parse_source("testsrc:?size=64x48&count=1").pictures())).payload
    large = next(iter(parse_source("testsrc:?size=1280x960&count=1").pictures())).payload
    limit = 16_384
    assert len(small) < limit < len(large)
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(large if number == 2 else small)
    with KafkaHouse(house, kafka_cluster, max_bytes=limit) as kafka:
        kafka.fill([f"cam={folder}"])
        kafka.detect()
        ledger = kafka.ledger()
        ledger.check()
        assert [event["outcome"] for event in ledger.events] == ["detected"] * 2 + ["failed"] + ["detected"] * 2
        reason = ledger.events[2]["reason"]
        for setting in ("max.message.bytes", "message.max.bytes", "replica.fetch.max.bytes"):
            assert setting in reason
        assert [letter["reason"] for letter in ledger.letters] == [reason]
        assert ledger.frames[2].crc == 0, "the record that stands for the frame has no picture"


def test_cameras_whose_clocks_are_wrong_lose_nothing(house: House, kafka_cluster: Cluster) -> None:
    now = time.time_ns() // 1000
    clocks = {"old": 0, "right": now, "ahead": now + 2 * 3600 * 1_000_000}
    payload = next(iter(parse_source("testsrc:?size=64x48&count=1").pictures())).payload
    with KafkaHouse(house, kafka_cluster, partitions=1) as kafka:
        with kafka.open() as log, log.writer() as writer:
            states = {name: writer.open_stream(name, source="test", finite=True) for name in clocks}
            for seq in range(20):
                for name, captured_us in clocks.items():
                    key = framehop.FrameKey(name, states[name].epoch, seq)
                    writer.append(Frame(key=key, payload=payload, captured_us=captured_us + seq, received_us=now))
            assert writer.flush(30)
        kafka.detect()
        ledger = kafka.ledger()
        ledger.check({name: [zlib.crc32(payload)] * 20 for name in clocks})
        assert ledger.outcomes() == {"detected": 60}


# ---------------------------------------------------------------- the group


def test_a_stopped_worker_stores_nothing_for_partitions_it_lost(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest(cameras(), "20")
        first = kafka.start_detect()
        watcher.wait_for(5)
        stopped = house.wait_for("worker-0")
        stopped.suspend()
        ended_well(ingest)
        assert watcher.seen < 4 * COUNT, "nothing was in flight"
        second = kafka.start_detect()
        watcher.wait_for(4 * COUNT)
        until(lambda: kafka.committed() == kafka.ends(), "the second's offsets at the end")
        stopped.resume()
        kafka.wait_said(first, "were lost")
        kafka.fill([f"late-{source}" for source in cameras(20)])
        watcher.wait_for(4 * COUNT + 80)
        until(lambda: kafka.committed() == kafka.ends(), "offsets at the end")
        for process in (first, second):
            process.terminate()
        for process in (first, second):
            ended_well(process)
        assert kafka.committed() == kafka.ends(), "an offset went back"
        kafka.ledger().check(pictures() | {f"late-{name}": crcs for name, crcs in pictures(20).items()}, repeats=WINDOW)


@pytest.mark.timeout(3600)
def test_members_that_come_and_go(house: House, kafka_cluster: Cluster, request: pytest.FixtureRequest) -> None:
    rounds = 60 if request.config.getoption("--soak") else 4
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest(cameras(rounds * 200), "15")
        steady = kafka.start_detect()
        watcher.wait_for(1)
        for number in range(rounds):
            known = set(watcher.writers)
            guest = kafka.start_detect()
            until(lambda: watcher.writers - known, "events of the new member")  # noqa: B023
            assert ingest.poll() is None, "the load was over before the storm was"
            guest.send_signal(signal.SIGTERM if number % 2 else signal.SIGKILL)
            guest.communicate(timeout=60)
        ingest.terminate()
        ended_well(ingest)
        until(lambda: kafka.committed() == kafka.ends(), "offsets at the end", 60)
        steady.terminate()
        ended_well(steady)
        ledger = kafka.ledger()
        ledger.check(pictures(ledger.longest), prefix=True, repeats=2 * rounds * WINDOW)


def test_two_workers_of_one_name(house: House, kafka_cluster: Cluster) -> None:
    """One says why it cannot work and ends, and the other does the work."""
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        kafka.fill(cameras(20))
        first = kafka.start_detect()
        watcher.wait_for(80)
        second = kafka.start_detect(config=kafka.write_config("second", state_dir=str(house.path / "elsewhere")))
        until(lambda: first.poll() is not None or second.poll() is not None, "the end of one of them")
        ended, other = (first, second) if first.poll() is not None else (second, first)
        _, stderr = ended.communicate(timeout=60)
        assert ended.returncode == 1
        assert b"another process works under this worker's name" in stderr
        assert b"Traceback" not in stderr
        kafka.fill([f"late-{source}" for source in cameras(20)])
        watcher.wait_for(160)
        assert other.poll() is None
        other.terminate()
        ended_well(other)
        kafka.ledger().check(repeats=WINDOW)


def test_a_model_slower_than_the_poll_interval(house: House, kafka_cluster: Cluster) -> None:
    """A stopped detector looks to the worker like a model that takes so long."""
    client = {"max.poll.interval.ms": 2000}
    with KafkaHouse(house, kafka_cluster, session_timeout_s=1.0, client=client) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest(cameras(), "20")
        worker = kafka.start_detect("--slots", "2")
        watcher.wait_for(5)
        detector = house.wait_for("detector-0")
        detector.suspend()
        ended_well(ingest)
        assert watcher.seen < 4 * COUNT, "nothing was in flight"
        time.sleep(5.0)  # what is tested is that so long passes
        detector.resume()
        watcher.wait_for(4 * COUNT)
        worker.terminate()
        assert "lost" not in ended_well(worker)
        kafka.ledger().check(pictures())


# ---------------------------------------------------------------- retention, partitions


@pytest.mark.parametrize("when", ["before the start", "while running"])
def test_retention_outran_the_group(house: House, kafka_cluster: Cluster, when: str) -> None:
    """Every offset has an event or lies in a gap record."""
    with KafkaHouse(house, kafka_cluster, partitions=1, prefetch_bytes=1 << 20) as kafka, kafka.watch() as watcher:
        kafka.fill(cameras(10))
        kafka.detect()
        if when == "while running":
            worker = kafka.start_detect()
            detector = house.wait_for("detector-0")
            watcher.wait_for(40)
            kafka.fill(["one=testsrc:?size=320x240&count=1"])
            watcher.wait_for(41)
            os.kill(worker.pid, signal.SIGSTOP)  # or it would replace a detector that stands still for long
            detector.suspend()
        sources = ["late=testsrc:?size=640x480&count=1000"]  # 10 MB: several times what a worker reads ahead
        kafka.fill(sources)
        (end,) = kafka.ends().values()
        kafka.delete_records(0, end - 5)
        if when == "while running":
            detector.resume()
            watcher.wait_for(42)  # it is alive before somebody looks whether it is
            os.kill(worker.pid, signal.SIGCONT)
        else:
            worker = kafka.start_detect()
        until(lambda: kafka.committed() == kafka.ends(), "offsets at the end")
        worker.terminate()
        ended_well(worker)
        ledger = kafka.ledger()
        seen = {event["frame"]["offset"] for event in ledger.events}
        assert len(ledger.gaps) == 1
        gap = ledger.gaps[0]
        assert (gap["reason"], gap["partition"]) == ("retention", 0)
        assert sorted([*seen, *range(gap["first_offset"], gap["last_offset"] + 1)]) == list(range(end))
        assert gap["last_offset"] == end - 6
        assert ledger.repeats == 0


def test_partitions_added_while_streams_run(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster, partitions=2) as kafka, kafka.watch() as watcher:
        ingest = kafka.start_ingest(cameras(120), "15")
        worker = kafka.start_detect()
        watcher.wait_for(20)
        assert ingest.poll() is None
        kafka.add_partitions(8)
        late = [f"late-{i}=testsrc:?size=320x240&count=20" for i in range(8)]
        kafka.fill(late)
        ended_well(ingest)
        watcher.wait_for(4 * 120 + 8 * 20)
        worker.terminate()
        ended_well(worker)
        ledger = kafka.ledger()
        ledger.check(pictures(120) | {f"late-{i}": pictures(20)["cam-0"] for i in range(8)})
        assert len({frame.partition for frame in ledger.frames}) > 2
        places = {(frame.key[:2], frame.partition) for frame in ledger.frames}
        assert len(places) == 12, "an epoch was split over partitions"


# ---------------------------------------------------------------- ends


def test_a_signal_drains(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        run = kafka.start_run(cameras(ENDLESS), "10")
        watcher.wait_for(20)
        run.terminate()
        ended_well(run)
        house.assert_nothing_left()
        kafka.check_commits()
        kafka.detect()  # what had come, and was not in flight
        ledger = kafka.ledger()
        ledger.check(pictures(ledger.longest), prefix=True)
        assert kafka.committed() == kafka.ends()


def test_a_second_signal_ends_at_once(house: House, kafka_cluster: Cluster) -> None:
    with KafkaHouse(house, kafka_cluster) as kafka, kafka.watch() as watcher:
        run = kafka.start_run(cameras(ENDLESS), "10")
        watcher.wait_for(20)
        house.wait_for("worker-0").suspend()
        run.terminate()
        until(lambda: not house.processes("ingest-0"), "ingest drained, so the first signal was seen")
        run.terminate()
        run.communicate(timeout=7)  # less than what a drain would take
        assert run.returncode != 0
        house.assert_nothing_left()


# ---------------------------------------------------------------- three brokers


def test_the_leader_of_three_is_killed(house: House, three_brokers: Cluster) -> None:
    count = 200
    with KafkaHouse(house, three_brokers, client={"reconnect.backoff.max.ms": 500}) as kafka:
        with kafka.watch() as watcher:
            ingest = kafka.start_ingest(cameras(count), "20")
            worker = kafka.start_detect()
            watcher.wait_for(20)
            assert ingest.poll() is None
            three_brokers.kill(kafka.leader("frames", 0))
            ended_well(ingest)
            watcher.wait_for(4 * count)
            worker.terminate()
            ended_well(worker)
        three_brokers.start()
        kafka.ledger().check(pictures(count), repeats=WINDOW)
        assert watcher.repeats <= WINDOW
