"""Tests of framehop status, and of the control socket behind it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

import framehop
from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_model
from tests.waiting import until

CAMERA = "testsrc:?size=320x240&rate=20"


@contextmanager
def running(house: House, *args: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pipeline that has detected something."""
    model = write_model(house.path)
    report = house.path / "report.json"
    log = house.log.relative_to(house.path)  # as it is called where the pipeline is started
    run = house.start("run", f"gate={CAMERA}", "--log", log, "--model", model, "--report", report, *args)
    try:
        until(lambda: house.events() > 5, "events", 60)
        yield run
    finally:
        run.send_signal(signal.SIGCONT)
        if run.poll() is None:
            run.terminate()
            _, stderr = run.communicate(timeout=30)
            assert run.returncode == 0, stderr.decode()


def asked(house: House) -> tuple[int, dict[int, dict[str, Any]], dict[str, str]]:
    """The exit status, the pipelines by process, and those that did not answer. Others of this user may be among them."""
    done = house.framehop("status", "--json")
    said = json.loads(done.stdout)
    pipelines = {pipeline["publication"]["pid"]: pipeline for pipeline in said["pipelines"]}
    return done.returncode, pipelines, said["unanswered"]


def sockets(house: House) -> list[Path]:
    return list(house.runtime.glob("framehop-*/control.sock"))


def test_a_running_pipeline_says_how_it_is(house: House) -> None:
    with running(house, "--workers", "2") as run:
        until(lambda: asked(house)[1][run.pid]["events_per_s"] > 0, "a pace", 30)
        said = asked(house)[1][run.pid]
        assert said["publication"]["log"] == str(house.log)
        assert not said["stopping"]
        names = [process["name"] for process in said["processes"]]
        assert names == ["detector-0", "worker-0", "worker-1", "ingest-0"]
        living = {name: house.processes(name)[0].pid for name in names}
        assert {process["name"]: process["pid"] for process in said["processes"]} == living
        assert all(process["ready"] for process in said["processes"])
        assert said["counters"]["events"] > 0
        assert [(stream["stream"], stream["phase"]) for stream in said["streams"]] == [("gate", "running")]
        assert [ring["slots"] for ring in said["rings"]] == [36, 36]  # of the workers and of taps
        assert said["model"]["name"]
        assert said["lag_error"] == ""
        assert {lag["owner"] for lag in said["lag"]} == set(said["members"].values())
        text = house.framehop("status").stdout
        assert f"process {run.pid}" in text
        assert "events/s" in text
    assert run.pid not in asked(house)[1]


def test_each_of_two_detectors_serves_its_worker_and_may_die(house: House) -> None:
    """Numbers of GPUs only count where there is none."""
    sources = [f"cam-{index}=testsrc:?size=96x64&count=60" for index in range(8)]  # in partitions of both workers
    framehop.open_log(house.log).close()
    report = house.path / "report.json"
    words: list[str | Path] = ["detect", "--log", house.log, "--model", write_model(house.path), "--report", report]
    detect = house.start(*words, "--workers", "2", "--gpu", "0", "--gpu", "1")

    def owners() -> set[str]:
        return {lag["owner"] for lag in asked(house)[1].get(detect.pid, {}).get("lag", [])} - {""}

    until(lambda: len(owners()) == 2, "partitions of both workers", 60)
    ingest = house.start("ingest", *sources, "--log", house.log, "--rate", "20")
    until(lambda: house.events() > 5, "events", 60)
    house.wait_for("detector-1").kill()
    assert ingest.wait(60) == 0
    until(lambda: house.events() == 8 * 60, "all events", 60)
    detect.terminate()
    _, stderr = detect.communicate(timeout=30)
    assert detect.returncode == 0, stderr.decode()
    assert [incident["process"] for incident in json.loads(report.read_text())["incidents"]] == ["detector-1"]
    check_ledger(house.log, {f"cam-{index}": pictures_of(source) for index, source in enumerate(sources)})
    with framehop.open_log(house.log, create=False) as log, log.events() as events:
        assert len({record.event.writer for record in events}) == 2


def test_two_pipelines_are_told_apart(house: House) -> None:
    with running(house, "--lane", "main") as run:
        detect = house.start("detect", "--log", house.log, "--lane", "shadow", "--model", house.path / "model.yaml")
        until(lambda: len(sockets(house)) == 2, "a second pipeline", 60)
        lanes = {pid: pipeline["publication"]["lane"] for pid, pipeline in asked(house)[1].items()}
        assert (lanes[run.pid], lanes[detect.pid]) == ("main", "shadow")
        detect.terminate()
        detect.communicate(timeout=30)
        assert detect.returncode == 0


def test_one_that_is_stopped_is_named_and_the_status_says_so(house: House) -> None:
    with running(house) as run:
        run.send_signal(signal.SIGSTOP)
        status, pipelines, unanswered = asked(house)
        assert status == 1
        assert run.pid not in pipelines
        assert f"process {run.pid} does not answer" in unanswered[str(run.pid)]


def test_one_that_is_killed_is_not_there_any_more(house: House) -> None:
    with running(house) as run:
        run.kill()
        run.communicate(timeout=30)
        until(lambda: not sockets(house), "the end of the directory", 30)
        _, pipelines, unanswered = asked(house)
        assert run.pid not in pipelines
        assert str(run.pid) not in unanswered
        run.returncode = 0


@pytest.mark.parametrize(
    "request_bytes",
    [b"", b"\x00" * 100, b"[]", b'{"type": "stop"}', b'{"type": "status"', b"[" * 60_000, "gate".encode("utf-16")],
    ids=["empty", "zeros", "list", "unknown", "cut", "deep", "utf-16"],
)
def test_what_is_not_understood_is_refused(shared_run: tuple[House, Path], request_bytes: bytes) -> None:
    house, path = shared_run
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.set(zmq.LINGER, 0)
        client.connect(f"ipc://{path}")
        client.send(request_bytes)
        assert client.poll(5000), "no answer"
        said = json.loads(client.recv())
        assert said["type"] == "refused"
        assert "this request is not understood" in said["error"]
    assert asked(house)[0] == 0


def test_who_asks_too_much_or_leaves_at_once_disturbs_nobody(shared_run: tuple[House, Path]) -> None:
    house, path = shared_run
    with zmq.Context() as context:
        for message in (b"x" * (1 << 20), b'{"type": "status"}'):
            for _ in range(20):
                with context.socket(zmq.DEALER) as client:
                    client.set(zmq.LINGER, 100)
                    client.connect(f"ipc://{path}")
                    client.send_multipart([b"", message])
    assert asked(house)[0] == 0


def test_the_socket_is_this_users_alone(shared_run: tuple[House, Path]) -> None:
    _, path = shared_run
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.fixture(scope="module")
def shared_run(shared_house: House) -> Iterator[tuple[House, Path]]:
    with running(shared_house):
        [path] = sockets(shared_house)
        yield shared_house, path
