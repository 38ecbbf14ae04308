"""A worker is stopped past its session, another member takes its partitions and leaves, and the worker wakes and gets them back
while it still holds frames of before: it lives, and every frame has one event."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
import yaml

import framehop
from framehop.errors import LogBusyError
from framehop.log import KafkaOptions, LogOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog
from framehop.sources import parse_sources
from framehop.timing import Deadline
from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_house import SESSION_S, KafkaHouse, ended_well
from tests.tiny_model import write_model
from tests.waiting import until

FRAMES = 8  # of each stream: the ring has room for all of them twice, so that the worker reads on while it holds them
SOURCES = [f"{name}=testsrc:?size=96x64&rate=100&count={FRAMES}" for name in ("gate", "yard", "hall")]
GROUP = "detect-main"
LATEST_S = 0.2  # within which a worker that has frames is stopped; by then it has them all, and waits


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return 200 if request.config.getoption("--soak") else 2


def _fill(log: FrameLog) -> None:
    """Ingest in this process: the detector stands still meanwhile, and must not count as hung."""
    assert not ingest(log, parse_sources(SOURCES), rate="max").errors


def _take_and_leave(log: FrameLog) -> None:
    """Own every partition once, read nothing, and go."""
    with log.consumer(GROUP, member="other") as other:
        deadline = Deadline.after(60)
        while len(other.assignment) < log.partitions:
            assert not deadline.expired, f"only {other.assignment} were taken"
            other.poll(0, 0.05)


def _regain(house: House, dice: random.Random, fill: Callable[[], object], take_and_leave: Callable[[], None]) -> None:
    """The detector stands still first, so that the worker holds frames without an answer when it is stopped itself."""
    worker, detector = house.wait_for("worker-0"), house.wait_for("detector-0")
    with _stopped(detector):
        _waken(worker, fill)
        _stop_past_its_session(worker, dice, take_and_leave)
        if dice.random() < 0.5:  # else what it holds is answered before it has read anew
            _waken(worker, lambda: None, dice.randrange(1, 20))


def _dice() -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def _stop_past_its_session(worker: psutil.Process, dice: random.Random, take_and_leave: Callable[[], None]) -> None:
    """Stopped within a transaction it keeps everybody from the log, as its errors say: then it goes on for a moment first."""
    for _ in range(10):
        threading.Event().wait(
            dice.uniform(0, LATEST_S)
        )  # the random instant is the point: nothing is synchronised with it
        with _stopped(worker):
            try:
                take_and_leave()
                return
            except LogBusyError:
                pass
        _waken(worker, lambda: None, 1)
    raise AssertionError("it was stopped within a transaction ten times")


def _waken(worker: psutil.Process, work: Callable[[], object], times: int = 5) -> None:
    """Do `work`, and wait until the worker has been awake for some of it."""
    before = worker.num_ctx_switches().voluntary
    work()
    until(lambda: worker.num_ctx_switches().voluntary >= before + times, "a worker that wakes")


@contextmanager
def _stopped(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.mark.timeout(3600)
def test_a_worker_that_regains_its_partitions_in_a_directory(house: House, rounds: int) -> None:
    options = LogOptions(session_timeout_s=0.5)
    config = house.path / "config.yaml"
    config.write_text(yaml.safe_dump({"log": {"embedded": {"session_timeout_s": options.session_timeout_s}}}))
    dice = _dice()

    with framehop.open_log(house.log, options=options) as log:
        detect = house.start("detect", "--log", house.log, "--config", config, "--model", write_model(house.path))
        worker = house.wait_for("worker-0").pid
        _fill(log)
        _wait_for(house.events, 3 * FRAMES)
        for number in range(2, rounds + 2):
            _regain(house, dice, lambda: _fill(log), lambda: _take_and_leave(log))
            _wait_for(house.events, number * 3 * FRAMES)
        assert house.wait_for("worker-0").pid == worker, "the worker was replaced"
        detect.terminate()
        ended_well(detect)
        report = framehop.audit(log)
    assert report.ok, report.findings


def _wait_for(count: Callable[[], int], wanted: int) -> None:
    until(lambda: count() == wanted, f"{wanted} events", 60)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_worker_that_regains_its_partitions_in_kafka(
    house: House, kafka_cluster: Cluster, rounds: int, delivery: str
) -> None:
    dice = _dice()
    with KafkaHouse(house, kafka_cluster, delivery=delivery, partitions=3) as kafka, kafka.open() as log:
        detect = kafka.start_detect()
        worker = house.wait_for("worker-0").pid
        _fill(log)
        _wait_for(lambda: len(kafka.ledger().events), 3 * FRAMES)
        for number in range(2, rounds + 2):
            _regain(house, dice, lambda: _fill(log), lambda: _take_and_leave_kafka(kafka))
            _wait_for(lambda: len({event["event_id"] for event in kafka.ledger().events}), number * 3 * FRAMES)
        assert house.wait_for("worker-0").pid == worker, "the worker was replaced"
        detect.terminate()
        ended_well(detect)
        if delivery == "exactly-once":
            assert len(kafka.ledger().events) == (rounds + 1) * 3 * FRAMES


def _take_and_leave_kafka(kafka: KafkaHouse) -> None:
    """Take and leave as a dynamic member, because a static one would keep its partitions until its session is over."""
    state = kafka.house.path / "other"
    options = KafkaOptions(membership="dynamic", session_timeout_s=SESSION_S, state_dir=str(state))
    with KafkaLog(kafka.url, options=options) as log:
        _take_and_leave(log)
