"""Real processes killed at named points and at random, while frames are in flight; afterwards the ledger is whole."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import framehop
from tests.system.audited import audit
from tests.system.harness import House, check_ledger, pictures_of
from tests.waiting import until

COUNT = 30
SOURCES = [f"cam-{i}=testsrc:?size=320x240&count={COUNT}" for i in range(4)]


def expected() -> dict[str, list[int]]:
    crcs = pictures_of(SOURCES[0])
    assert len(crcs) == COUNT
    return {f"cam-{i}": crcs for i in range(4)}


@pytest.mark.parametrize(
    ("point", "process"),
    [
        ("decode.mid@3", "worker-0"),
        ("decode.done@2", "worker-0"),
        ("hop.sent@3", "worker-0"),
        ("infer.mid@3", "detector-0"),
        ("event.produced@3", "worker-0"),
        ("offsets.stored@3", "worker-0"),
        ("ingest.appended@2", "ingest-0"),
    ],
)
def test_killed_at_a_point(house: House, point: str, process: str) -> None:
    report = house.run(SOURCES, fail_at=point)
    deaths = [incident for incident in report["incidents"] if incident["process"] == process]
    assert [death["signal"] for death in deaths] == ["SIGKILL"]
    if process != "ingest-0":
        assert deaths[0]["in_flight"] > 0, "the kill hit an idle process and proves nothing"
    check_ledger(house.log, expected())
    assert audit(house)["missing"] == 0


@pytest.mark.parametrize(
    ("point", "process"), [("hop.sent@3", "worker-0"), ("infer.mid@3", "detector-0")], ids=["worker", "detector"]
)
def test_killed_at_a_point_over_zeromq(house: House, point: str, process: str) -> None:
    (house.path / "framehop.yaml").write_text("detect:\n  hop: zmq\n")
    report = house.run(SOURCES, "--config", "framehop.yaml", fail_at=point)
    deaths = [incident for incident in report["incidents"] if incident["process"] == process]
    assert [death["signal"] for death in deaths] == ["SIGKILL"]
    check_ledger(house.log, expected())
    assert audit(house)["missing"] == 0


def test_detector_death_reads_no_frame_twice(house: House) -> None:
    report = house.run(SOURCES, fail_at="infer.mid@4")
    assert report["incidents"][0]["process"] == "detector-0"
    assert report["status"]["resent"] > 0
    assert report["status"]["frames_read"] == 4 * COUNT


def test_ingest_killed_with_frames_in_doubt_goes_on_at_the_next_seq(house: House) -> None:
    source = f"cam-0=testsrc:?size=320x240&count={COUNT}"
    first = house.framehop("ingest", source, "--log", house.log, "--rate", "20", fail_at="ingest.appended@2")
    assert first.returncode == -signal.SIGKILL
    second = house.framehop("ingest", source, "--log", house.log, "--rate", "max", "--json")
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["streams"]["cam-0"]["first_seq"] > 0
    finish(house)
    check_ledger(house.log, {"cam-0": pictures_of(source)})


def test_supervisor_death_takes_everything_with_it(house: House) -> None:
    fill(house, SOURCES)
    supervisor = house.start("detect", "--log", house.log)
    until(lambda: house.events() > 5, "first events", 60)
    supervisor.kill()
    supervisor.communicate()
    assert house.events() < 4 * COUNT, "the kill came after the work"
    house.assert_nothing_left()
    finish(house)
    check_ledger(house.log, expected())


@pytest.mark.timeout(3600)
def test_random_kills(house: House, request: pytest.FixtureRequest) -> None:
    """Any process of a working `framehop run`, at random instants; a killed supervisor is started again with the same words."""
    rounds = 200 if request.config.getoption("--soak") else 12
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    longest = rounds * 60
    sources = [f"cam-{i}=testsrc:?size=320x240&count={longest}" for i in range(4)]
    supervisor = _start_run(house, sources)
    for _ in range(rounds):
        before = house.events()
        until(lambda: house.events() > before, "progress", 60)  # noqa: B023
        victim = chance.choice(["worker-0", "detector-0", "ingest-0", "supervisor"])
        house.kill_after(chance.random() * 0.5, victim, supervisor)
        if supervisor.poll() is not None:
            supervisor = _start_run(house, sources)
    until(lambda: house.processes("worker-0") or supervisor.poll() is not None, "a supervisor that hears signals", 60)
    supervisor.terminate()
    assert supervisor.wait(60) in (0, 1)  # 1: stopped before the last victim was back
    finish(house)
    assert max(frames(house).values()) < longest, "the sources were over before the kills were"
    crcs = pictures_of(sources[0])
    check_ledger(house.log, {stream: crcs[:count] for stream, count in frames(house).items()})
    assert audit(house)["duplicates"] == 0


def frames(house: House) -> Counter[str]:
    """Count the frames in the log by stream."""
    with framehop.open_log(house.log, create=False) as log:
        return Counter(meta.key.stream for meta in log.scan_frames())


def _start_run(house: House, sources: list[str]) -> subprocess.Popen[bytes]:
    """Four pictures a second of each stream: the sources outlast the kills."""
    run: tuple[str | Path, ...] = ("run", *sources, "--log", house.log, "--rate", "4")
    return house.start(*run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fill(house: House, sources: list[str]) -> None:
    done = house.framehop("ingest", *sources, "--log", house.log, "--rate", "max")
    assert done.returncode == 0, done.stderr


def finish(house: House) -> None:
    """Whatever has no event yet gets one."""
    done = house.framehop("detect", "--log", house.log, "--until-idle", "1", timeout_s=600)
    assert done.returncode == 0, done.stderr


def test_a_stopped_worker_is_replaced(house: House) -> None:
    supervisor = house.start("run", *SOURCES, "--log", house.log, "--rate", "10", stderr=subprocess.PIPE)
    until(lambda: house.events() > 0, "first events", 60)
    stopped = house.wait_for("worker-0")
    stopped.suspend()
    _, stderr = supervisor.communicate(timeout=120)
    assert supervisor.returncode == 0, stderr.decode()
    assert b"worker-0" in stderr
    check_ledger(house.log, expected())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(house: House, number: signal.Signals) -> None:
    slow = [f"{source}&rate=0.5" for source in SOURCES]  # far from their end when the model is loaded
    supervisor = house.start("run", *slow, "--log", house.log, "--rate", "realtime")
    until(lambda: house.events() > 3, "first events", 60)
    supervisor.send_signal(number)
    _, stderr = supervisor.communicate(timeout=100)
    assert supervisor.returncode == (130 if number == signal.SIGINT else 0), stderr.decode()
    assert b"stopped: every frame that was read has its event" in stderr
    assert b"Traceback" not in stderr
    house.assert_nothing_left()
    house.run(slow)
    check_ledger(house.log, expected())


def test_a_second_signal_ends_at_once(house: House) -> None:
    supervisor = house.start("run", "testsrc:?size=320x240&rate=20", "--log", house.log)
    until(lambda: house.events() > 3, "first events", 60)
    house.wait_for("worker-0").suspend()
    supervisor.send_signal(signal.SIGTERM)
    until(lambda: not house.processes("ingest-0"), "ingest drained, so the first signal was seen")
    supervisor.send_signal(signal.SIGTERM)
    supervisor.communicate(timeout=7)  # less than what a drain would take
    assert supervisor.returncode != 0
    house.assert_nothing_left()
