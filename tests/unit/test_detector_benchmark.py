"""benchmarks/detector.py counts between two moments at full load, and takes each picture's time from its own."""

from __future__ import annotations

from itertools import count

import pytest

from benchmarks.batching.meter import Meter
from benchmarks.batching.results import Case, Figures, added_ms
from benchmarks.batching.workload import PICTURES, groups
from benchmarks.whole_worker.results import Measured


def test_what_comes_before_the_lead_and_after_the_end_is_not_counted() -> None:
    used = count()
    meter = Meter(lead=4, measured=6, cpu_s=lambda: {"one": float(next(used))})
    for pictures in (3, 2, 4, 3, 5):  # the clock runs from 5 to 12
        assert not meter.over or pictures == 5
        meter.done(pictures)
    measured = meter.result()
    assert (measured.frames, measured.cpu_s) == (7, {"one": 1.0})
    assert measured.wall_s > 0


def test_each_picture_is_compared_with_itself() -> None:
    full = Measured(frames=1, wall_s=1.0, cpu_s={})
    ours, bare = Figures(full=full, alone_ms=[21.0, 31.5, 40.0]), Figures(full=full, alone_ms=[20.0, 30.0, 20.0])
    assert added_ms(ours, bare) == pytest.approx(1.5)


def test_every_picture_is_in_a_full_batch() -> None:
    for batch in (1, 3, 8):
        assert {place for places in groups(batch) for place in places} == set(range(PICTURES))
        assert {len(places) for places in groups(batch)} == {batch}


def test_lanes_have_one_thread_each_and_a_batch_has_all_cores() -> None:
    assert (Case(2, 1).name, Case(2, 1).threads) == ("2 lanes", 1)
    assert (Case(1, 4).name, Case(1, 4).threads) == ("batch 4", 0)
