"""Tests what the motion gate's benchmark calls found and missed."""

from __future__ import annotations

import pytest

from benchmarks.accuracy.scoring import Found
from benchmarks.gate.command import Result, View, markdown
from benchmarks.gate.judging import Verdict, evenly, judge
from benchmarks.gate.views import looked_at, parts
from benchmarks.harness.machine import describe
from benchmarks.harness.processes import ROOT
from framehop._core import decode_jpeg, encode_jpeg
from framehop.pipeline.worker.scene import LEARN
from framehop.testing.synthetic import jpeg

HERE = Found("cat", 0.9, (10.0, 10.0, 50.0, 50.0))
THERE = Found("cat", 0.9, (60.0, 60.0, 90.0, 90.0))
WEAK = Found("dog", 0.55, (10.0, 10.0, 50.0, 50.0))


def judged(found: list[list[Found]], looks: set[int]) -> Verdict:
    return judge(found, looks, threshold=0.5)


def test_an_object_that_came_between_two_looks_was_missed() -> None:
    found = [[], [], [HERE], [HERE], [], [HERE, THERE]]
    assert judged(found, {0, 5}) == Verdict(frames=6, looked=2, objects=4, missed=2, longest=2)


def test_an_object_that_stayed_where_it_was_seen_was_not_missed() -> None:
    assert judged([[HERE], [HERE], [HERE, WEAK], []], {0}).missed == 0
    assert judged([[HERE], [THERE]], {0}).missed == 1, "it is elsewhere now"
    assert judged([[HERE], [HERE._replace(label="dog")]], {0}).missed == 1, "it is another one"


def test_looks_are_spread_evenly() -> None:
    assert evenly(10, 2) == {0, 5}
    assert evenly(3, 3) == {0, 1, 2}
    assert evenly(5, 0) == set()


def test_the_gate_that_is_judged_is_the_workers_own() -> None:
    still, moved = jpeg(160, 120, shade=10), jpeg(160, 120, shade=200)
    pictures = [still] * (LEARN + 5) + [moved] + [still] * 3
    assert looked_at(pictures, 5.0, 10.0) >= {*range(LEARN), LEARN + 5}
    assert len(looked_at([still] * 40, 5.0, 10.0)) == LEARN + 1


@pytest.mark.parametrize("grid", [(1, 1), (3, 2)])
def test_the_parts_of_a_picture_are_all_of_it(grid: tuple[int, int]) -> None:
    pixels = decode_jpeg(encode_jpeg(decode_jpeg(jpeg(90, 60))))
    found = parts(pixels, *grid)
    assert len(found) == grid[0] * grid[1]
    assert sum(part.size for part in found) == pixels.size


def test_the_table_has_a_row_for_each_view() -> None:
    view = View(name="hall", motion=Verdict(100, 20, 50, 1, 2), spread=Verdict(100, 20, 50, 10, 4), gate_ms=0.5)
    result = Result(
        started_at="2026-11-29T12:00:00", machine=describe((), ROOT, {}), model="m", fps=5.0, keep_s=10.0, views=[view]
    )
    assert markdown(result).splitlines()[-1] == "| hall | 100 | 20% | 50 | 1 (2.0%) | 0.4 s | 10 (20.0%) | 0.50 |"
