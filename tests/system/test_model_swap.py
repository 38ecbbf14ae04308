"""Another model in a running pipeline: nothing lost, nothing named wrongly, and no worker restarted."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

import framehop
from framehop.pipeline.worker.skipping import place_in_sample
from framehop.types import Event
from tests.system.harness import House
from tests.system.swapped_models import LABELS, models_of
from tests.tiny_model import ssd_network, write_model
from tests.waiting import until

STREAMS = ("gate", "yard", "hall")


@dataclass
class Swapping:
    """A pipeline at work, with two models that differ in their names and in the labels, and their numbers, of what they find."""

    house: House
    run: subprocess.Popen[bytes]
    models: dict[str, Path]

    def swap(self, name: str) -> subprocess.Popen[bytes]:
        return self.house.start("model", "swap", self.models[name], "--pipeline", str(self.run.pid), "--json")

    def framehop_swap(self, model: Path) -> subprocess.CompletedProcess[str]:
        return self.house.framehop("model", "swap", model, "--pipeline", str(self.run.pid))

    def state(self) -> dict[str, Any]:
        said = json.loads(self.house.framehop("status", "--json").stdout)
        found: dict[str, Any] = next(one for one in said["pipelines"] if one["publication"]["pid"] == self.run.pid)
        return found

    def detector(self) -> psutil.Process:
        [pid] = [process["pid"] for process in self.state()["processes"] if process["name"] == "detector-0"]
        return psutil.Process(pid)

    def running(self) -> list[str]:
        return [model["name"] for model in self.state()["models"].values()]

    def starts(self) -> dict[str, int]:
        return {process["name"]: process["starts"] for process in self.state()["processes"]}

    def events(self, lane: str = "main") -> list[Event]:
        with framehop.open_log(self.house.log, create=False) as log, log.events() as reader:
            return [record.event for record in reader if record.event.lane == lane]

    def wait_for_events_of(self, name: str) -> None:
        seen = len(self.events())
        until(lambda: _names(self.events()[seen:]) >= {name}, f"events of {name}", 30)


def _names(events: list[Event]) -> set[str]:
    return {event.model.name for event in events if event.model is not None}


@contextmanager
def swapping(house: House, *args: str, fail_at: str = "") -> Iterator[Swapping]:
    models = models_of(house)
    report = house.path / "report.json"
    sources = [f"{name}=testsrc:?size=160x120&rate=40" for name in STREAMS]
    words: list[str | Path] = [
        "run",
        *sources,
        "--log",
        house.log,
        "--model",
        models["red"],
        "--conf",
        "0",
        "--policy",
        "all",
        "--report",
        report,
        *args,
    ]
    run = house.start(*words, fail_at=fail_at)
    pipeline = Swapping(house=house, run=run, models=models)
    until(lambda: house.events() > 5, "events", 60)
    try:
        yield pipeline
    finally:
        if run.poll() is None:
            run.terminate()
            _, stderr = run.communicate(timeout=30)
            assert run.returncode == 0, stderr.decode()


def said(swap: subprocess.Popen[bytes]) -> dict[str, Any]:
    stdout, stderr = swap.communicate(timeout=120)
    assert swap.returncode == 0, stderr.decode()
    report: dict[str, Any] = json.loads(stdout)
    return report


def check_events(pipeline: Swapping, order: list[str]) -> None:
    """Every frame has one event, which names a model and has that model's labels; per stream the models follow `order`."""
    house = pipeline.house
    finish(pipeline, order[-1])
    audit = house.framehop("audit", "--log", house.log, "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    by_stream: dict[str, list[Event]] = defaultdict(list)
    for event in pipeline.events():
        by_stream[event.stream].append(event)
    assert set(by_stream) == set(STREAMS)
    for stream, events in by_stream.items():
        assert [event.seq for event in events] == list(range(len(events))), stream
        assert _names(events) <= set(LABELS)
        for event in events:
            assert event.model is not None, event.event_id
            labels = set(LABELS[event.model.name].values())
            assert event.objects
            assert {found.label for found in event.objects} <= labels, event.event_id
        turns = [name for name, _ in groupby(event.model.name for event in events if event.model)]
        assert turns == order, stream


def finish(pipeline: Swapping, name: str) -> None:
    """Do what a pipeline that was stopped has left to its next start: on a busy machine it is behind its sources."""
    house = pipeline.house
    with framehop.open_log(house.log, create=False) as log:
        frames = sum(1 for _ in log.scan_frames())
    if frames > len(pipeline.events()):
        model = pipeline.models[name]
        done = house.framehop("detect", "--log", house.log, "--model", model, "--conf", "0", "--until-idle", "1")
        assert done.returncode == 0, done.stderr


def check_restarts(house: House, detector_deaths: int) -> None:
    incidents = json.loads((house.path / "report.json").read_text())["incidents"]
    assert [incident["process"] for incident in incidents] == ["detector-0"] * detector_deaths


def wait_for_more(house: House, events: int, swap: subprocess.Popen[bytes]) -> None:
    """Wait until so many more events are there, or the swap is over."""
    wanted = house.events() + events
    until(lambda: house.events() >= wanted or swap.poll() is not None, "more events", 30)


def swap_to_and_fro(pipeline: Swapping, rounds: int) -> tuple[list[str], int]:
    """Swap, and have the detector killed every second round, at any moment of the swap or right after it. Returns the models in
    their order, and how often the detector died."""
    house, random, order = pipeline.house, Random(5), ["red"]
    for number in range(rounds):
        order.append(("rouge", "red")[number % 2])
        detector = pipeline.detector()
        swap = pipeline.swap(order[-1])
        if number % 2:
            wait_for_more(house, random.randrange(60), swap)
            detector.kill()
        assert said(swap)["phase"] == "done"
        pipeline.wait_for_events_of(order[-1])
    deaths = rounds // 2
    assert pipeline.starts() == {"detector-0": 1 + deaths, "worker-0": 1, "worker-1": 1, "ingest-0": 1}
    assert pipeline.running() == [order[-1]]
    return order, deaths


def test_swaps_under_load_with_a_dying_detector(house: House) -> None:
    with swapping(house, "--workers", "2") as pipeline:
        order, deaths = swap_to_and_fro(pipeline, 4)
    check_events(pipeline, order)
    check_restarts(house, deaths)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_twenty_swaps_under_load_with_a_dying_detector_beside_a_second_lane(house: House) -> None:
    with swapping(house, "--workers", "2") as pipeline:
        shadow = house.start(*shadow_of(pipeline))
        order, deaths = swap_to_and_fro(pipeline, 20)
    finish_shadow(pipeline, shadow)
    check_events(pipeline, order)
    check_restarts(house, deaths)


@pytest.mark.parametrize("point", ["swap.load", "swap.switched"])
def test_a_detector_killed_at_a_point_of_the_swap(house: House, point: str) -> None:
    with swapping(house, fail_at=point) as pipeline:
        report = said(pipeline.swap("rouge"))
        assert report["states"] == {"detector-0": "switched"}
        assert report["models"]["detector-0"]["name"] == "rouge"
        pipeline.wait_for_events_of("rouge")
        house.wait_for("detector-0").kill()  # a successor starts with what was last in use
        until(lambda: pipeline.starts()["detector-0"] == 3 and pipeline.running() == ["rouge"], "a successor", 30)
        pipeline.wait_for_events_of("rouge")
        assert pipeline.starts()["worker-0"] == 1
    check_events(pipeline, ["red", "rouge"])
    check_restarts(house, 2)


def test_two_detectors_turn_together(house: House) -> None:
    with swapping(house, "--workers", "2", "--gpu", "0", "--gpu", "1") as pipeline:
        until(lambda: pipeline.running() == ["red", "red"], "both detectors", 30)
        done = pipeline.framehop_swap(pipeline.models["rouge"])
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split(",")[0] for line in lines] == [f"detector-{index}: red 7 → rouge 7" for index in (0, 1)]
        assert "loads it beside" in done.stderr
        assert "rouge 7 on cpu" in house.framehop("status").stdout


def test_a_model_that_cannot_be_used_changes_nothing(house: House) -> None:
    """One model is not there, one has an operator that no runtime knows, and one lacks the label that the options ask for."""
    broken = house.path / "broken"
    broken.mkdir()
    write_model(broken, ssd_network().replace(b"MatMul", b"MatMuk"), name="broken")
    with swapping(house, "--classes", "red,green") as pipeline:
        detector = house.wait_for("detector-0").pid
        refused = {
            house.path / "nowhere.onnx": "nowhere.onnx does not exist",
            broken: "detector-0: ",
            pipeline.models["rouge"]: "the model has no label 'red'",
        }
        for model, reason in refused.items():
            done = pipeline.framehop_swap(model)
            assert done.returncode == 1
            assert reason in done.stderr
            assert "Traceback" not in done.stderr
            assert pipeline.running() == ["red"]
        assert "every detector keeps the model it had" in done.stderr
        pipeline.wait_for_events_of("red")
        assert house.wait_for("detector-0").pid == detector
    check_events(pipeline, ["red"])
    check_restarts(house, 0)


def test_a_second_lane_gets_a_sample_and_its_sum_closes(house: House) -> None:
    with swapping(house) as pipeline:
        shadow = house.start(*shadow_of(pipeline))
        until(lambda: len(pipeline.events("shadow")) > 200, "events of the second lane", 60)
    finish_shadow(pipeline, shadow)


def shadow_of(pipeline: Swapping) -> list[str | Path]:
    words: list[str | Path] = ["detect", "--log", pipeline.house.log, "--model", pipeline.models["rouge"]]
    return [*words, "--lane", "shadow", "--sample", "0.25", "--conf", "0"]


def finish_shadow(pipeline: Swapping, shadow: subprocess.Popen[bytes]) -> None:
    """End the second lane, let a new one do the rest, and check that every frame was looked at or skipped as the sample says."""
    house = pipeline.house
    shadow.terminate()
    _, stderr = shadow.communicate(timeout=30)
    assert shadow.returncode == 0, stderr.decode()
    assert house.framehop(*shadow_of(pipeline), "--until-idle", "1").returncode == 0
    events = pipeline.events("shadow")
    kept = [event for event in events if place_in_sample(event.key) < 0.25]
    assert {(event.outcome, event.reason) for event in events} == {("detected", ""), ("skipped", "sample")}
    assert [event.event_id for event in kept] == [event.event_id for event in events if event.outcome == "detected"]
    assert _names(events) == {"rouge"}
    audit = house.framehop("audit", "--log", house.log, "--lane", "shadow", "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    report = json.loads(audit.stdout)
    assert report["outcomes"] == {"detected": len(kept), "skipped": report["frames"] - len(kept)}
