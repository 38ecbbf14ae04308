"""Options typed behind run and detect reach the detector; impossible ones are refused before anything starts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framehop.inference import sample_picture
from tests.system.harness import House


def _events(house: House, lane: str) -> list[dict[str, Any]]:
    done = house.framehop("tail", "--log", house.log, "--from", "beginning", "--no-follow", "--json", "--lane", lane)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_second_lane_looks_at_the_same_frames_for_other_things(house: House) -> None:
    picture = house.path / "space.jpg"
    picture.write_bytes(sample_picture())
    run = house.framehop("run", picture, "--log", house.log, "--conf", "0.3", "--json")
    assert run.returncode == 0, run.stderr
    [first] = [json.loads(line) for line in run.stdout.splitlines()]
    assert "person" in {found["label"] for found in first["objects"]}
    detect = ("detect", "--log", house.log, "--until-idle", "1")
    assert house.framehop(*detect, "--lane", "cats", "--classes", "cat,dog").returncode == 0
    assert house.framehop(*detect, "--lane", "sure", "--conf", "0.99").returncode == 0
    for lane in ("cats", "sure"):
        [event] = _events(house, lane)
        assert (event["event_id"], event["outcome"], event["objects"]) == (
            first["event_id"].replace("/main", f"/{lane}"),
            "detected",
            [],
        )
        assert house.framehop("audit", "--log", house.log, "--lane", lane).returncode == 0
    assert len(_events(house, "main")) == 1


def test_a_frame_whose_objects_are_too_small_or_elsewhere_is_detected_all_the_same(house: House) -> None:
    picture, elsewhere = house.path / "space.jpg", house.path / "elsewhere.yaml"
    picture.write_bytes(sample_picture())
    elsewhere.write_text('detect: {regions: {"spac?": {exclude: [[[0, 0], [1, 0], [1, 1], [0, 1]]]}}}')
    run = house.framehop("run", picture, "--log", house.log, "--conf", "0.9", "--conf", "person=0.3", "--json")
    assert run.returncode == 0, run.stderr
    assert {found["label"] for found in json.loads(run.stdout)["objects"]} == {"person"}
    detect = ("detect", "--log", house.log, "--until-idle", "1", "--conf", "0.3")
    assert house.framehop(*detect, "--lane", "large", "--min-size", "384").returncode == 0
    assert house.framehop(*detect, "--lane", "elsewhere", "--config", elsewhere).returncode == 0
    for lane in ("large", "elsewhere"):
        [event] = _events(house, lane)
        assert (event["outcome"], event["objects"]) == ("detected", [])


def test_a_picture_that_is_too_large_names_the_option(house: House) -> None:
    picture = house.path / "space.jpg"
    picture.write_bytes(sample_picture())
    run = ("run", picture, "--log", house.log, "--json", "--rate", "max")
    [slot] = house.framehop(*run, "--slot-mib", "0.1").stdout.splitlines()
    assert "; --slot-mib 1 takes it" in json.loads(slot)["reason"]
    [pixels] = house.framehop(*run, "--max-pixels", "1000").stdout.splitlines()
    assert "; --max-pixels 147456 takes it" in json.loads(pixels)["reason"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lane", "a/b"), "lane 'a/b' is not allowed"),
        (("--conf", "1.5"), "conf must be between 0 and 1, not 1.5"),
        (("--max-pixels", "0"), "--max-pixels"),
    ],
)
def test_what_cannot_be_is_refused_at_once(house: House, options: tuple[str, str], expected: str) -> None:
    done = house.framehop("run", "testsrc:?count=1", "--log", house.log, *options)
    assert done.returncode != 0
    assert expected in done.stderr
    assert not house.log.exists()


def test_a_label_that_the_model_does_not_have_is_refused_once_it_is_loaded(house: House) -> None:
    done = house.framehop("run", "testsrc:?rate=5", "--log", house.log, "--classes", "persn")
    assert done.returncode == 1
    policy, *_, line = done.stderr.splitlines()
    assert policy.startswith("policy: ")
    assert line.startswith("error: classes: the model has no label 'persn'; near to it: person")
    assert house.events() == 0
