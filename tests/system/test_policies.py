"""Frames that need not be looked at: each has its event all the same, whoever dies, and no camera takes another one's turn."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import framehop
from framehop import _core
from framehop.testing.synthetic import jpeg
from tests.clips import BITS, write_film
from tests.system.audited import audit
from tests.system.film_policies import check_film, words_for
from tests.system.harness import House
from tests.system.numbered_films import plain
from tests.tiny_model import write_columns_model, write_model
from tests.waiting import until

CAMERA = "testsrc:?size=160x120&rate="
SOME = 4  # turns that a slow camera may have missed by chance


def events(house: House) -> list[dict[str, Any]]:
    if not (house.log / "index.db").exists():
        return []
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        return [plain(record.event) for record in reader]


def assert_closed(house: House) -> None:
    found: dict[str, Any] = audit(house)
    assert (found["missing"], found["duplicates"], found["out_of_order"]) == (0, 0, 0)
    assert found["frames"] == sum(found["outcomes"].values())


def by_reason(house: House) -> Counter[str]:
    return Counter(event["reason"] or event["outcome"] for event in events(house))


def test_a_fast_camera_takes_no_turns_of_slow_ones(house: House) -> None:
    """There are more frames than the network can look at. Whatever this machine manages, a slow camera gets all it needs, or as
    much as two thirds of what the fast one gets, but for some turns."""
    cameras = [f"slow-{k}={CAMERA}5" for k in range(9)] + [f"fast={CAMERA}150"]
    running = house.start("run", *cameras, "--log", house.log, "--policy", "latest", "--lanes", "1", "--max-batch", "1")
    until(lambda: Counter(event["stream"] for event in events(house))["fast"] > 1000, "a while of overload", 120)
    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr.decode()
    assert b"policy: latest for slow-0, slow-1, slow-2 and 7 more (live)" in stderr
    assert_closed(house)
    found = events(house)
    frames = Counter(event["stream"] for event in found)
    looked_at = Counter(event["stream"] for event in found if event["outcome"] == "detected")
    assert looked_at["fast"] < 0.8 * frames["fast"], "there was no overload"
    for stream in (f"slow-{k}" for k in range(9)):
        assert looked_at[stream] >= 0.6 * min(frames[stream], looked_at["fast"]) - SOME, (frames, looked_at)
    assert {event["reason"] for event in found if event["outcome"] == "skipped"} <= {"not-newest", "too-old"}


@pytest.mark.parametrize("point", ["decode.mid@3", "infer.mid@6"])
def test_who_dies_under_a_policy_leaves_no_frame_without_its_event(house: House, point: str) -> None:
    sources = [f"cam-{k}=testsrc:?size=96x64&count=60" for k in range(3)]
    policies = ["--policy", "cam-0=latest", "--policy", "cam-1=max_age_ms=50", "--policy", "cam-2=every_n=3"]
    report = house.run(sources, *policies, "--model", str(write_model(house.path)), fail_at=point)
    assert [incident["signal"] for incident in report["incidents"]] == ["SIGKILL"]
    assert_closed(house)
    assert set(by_reason(house)) <= {"detected", "not-newest", "too-old", "every-n"}
    thinned = [event for event in events(house) if event["stream"] == "cam-2"]
    assert {event["seq"]: event["outcome"] for event in thinned} == {
        seq: "skipped" if seq % 3 else "detected" for seq in range(60)
    }


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_what_is_looked_at_of_a_film_is_its_own_picture(house: House) -> None:
    film = write_film(house.path / "film.mp4", 75, params="keyint=25:min-keyint=25:scenecut=0", bframes=3)
    folder = house.path / "model"
    folder.mkdir()
    model = str(write_columns_model(folder, BITS))
    sources, policies = words_for(film)
    house.run(sources, "--codec", "copy", *policies, "--model", model)
    assert_closed(house)
    check_film(events(house), film)


def test_only_frames_with_motion_are_looked_at(house: House) -> None:
    folder = house.path / "hall"
    folder.mkdir()
    for number in range(60):
        shade = 200 if 30 <= number < 33 else 10
        (folder / f"{number:02}.jpg").write_bytes(jpeg(160, 120, shade=shade))
    house.run([str(folder)], "--when", "motion", "--model", str(write_model(house.path)))
    assert_closed(house)
    looked_at = sorted(event["seq"] for event in events(house) if event["outcome"] == "detected")
    assert {30, 31, 32, 33} <= set(looked_at)
    assert by_reason(house)["no-motion"] >= 25


def test_run_says_what_may_be_skipped(house: House) -> None:
    model = str(write_model(house.path))
    sources = [f"gate={CAMERA}10", "clip=testsrc:?size=96x64&count=3", "yard=testsrc:?size=96x64&rate=10"]
    running = house.start("run", *sources, "--log", house.log, "--model", model, "--policy", "yard=all")
    until(lambda: house.events() > 6, "events", 60)
    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)
    assert stderr.decode().splitlines()[0] == (
        "policy: all (no frame is skipped) for clip (finite); all (no frame is skipped) for yard (live); "
        "max_age_ms=1000 for gate (live)"
    )
    assert running.returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--policy", "latest", "--policy", "fps=2"), "exclude each other"),
        (("--when", "noon"), "--when"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    house: House, words: tuple[str, ...], expected: str
) -> None:
    done = house.framehop("run", f"{CAMERA}5", "--log", house.log, *words)
    assert done.returncode != 0
    assert expected in done.stderr
    assert not house.log.exists()


def test_a_source_that_comes_later_is_live_too(tmp_path: Path) -> None:
    """Its worker began before it, and hears of it."""
    options = framehop.DetectOptions(model=str(write_model(tmp_path)), policies={})
    with framehop.Pipeline(tmp_path / "log", options=options) as pipeline:
        assert pipeline.wait_ready(60)
        pipeline.add(f"{CAMERA}30", stream="gate")
        assert {stream: str(policy) for stream, policy in pipeline.policies.items()} == {"gate": "max_age_ms=1000"}
        events = pipeline.events()
        for _ in range(5):
            next(events)
        [worker] = [process for process in pipeline.status().processes if process.name == "worker-0"]
        assert worker.pid is not None
        _stop_for_a_while(worker.pid)
        until(lambda: next(events).reason == "too-old", "a frame that was too old after the worker had stood still", 60)


def _stop_for_a_while(pid: int) -> None:
    """Stop a process for longer than a live stream's frames may be old."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.5)  # what is tested is that so long passes
    os.kill(pid, signal.SIGCONT)
