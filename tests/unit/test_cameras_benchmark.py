"""benchmarks/cameras.py keeps to its schedule, and judges by what was late."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.harness.machine import Load
from benchmarks.open_loop.report import most_cameras
from benchmarks.open_loop.results import Latency, Round, Run, latency_of
from benchmarks.open_loop.schedule import Offer, schedule


def test_every_camera_has_its_pace_and_a_phase_of_its_own() -> None:
    offer = Offer(cameras=3, fps=5.0, seconds=2.0, seed=1)
    dues = schedule(offer)
    assert len(dues) == offer.frames
    assert dues == sorted(dues)
    for camera in range(3):
        times = [due.at_s for due in dues if due.camera == camera]
        assert all(later - earlier == pytest.approx(0.2) for earlier, later in pairwise(times))
    assert len({min(due.at_s for due in dues if due.camera == camera) for camera in range(3)}) == 3


def test_what_was_skipped_is_accounted_for_and_not_on_time() -> None:
    latency = latency_of(Run(late_ms=[50.0, 150.0], cpu_s=0.0, skipped=1), frames=4)
    assert (latency.on_time, latency.unanswered) == (0.25, 1)


def taken(cameras: int, p99: float, unanswered: int = 0) -> Round:
    late = latency_of(Run(late_ms=[p99], cpu_s=0.0), frames=1 + unanswered)
    runs: dict[str, Latency] = {"framehop": late}
    return Round(cameras=cameras, load=Load(average=0.0, busy_cores=0.0), order=[], runs=runs, others_busy_cores=0.0)


def test_a_load_counts_only_if_every_smaller_one_is_held() -> None:
    assert most_cameras([taken(4, 50), taken(6, 150), taken(8, 50)], "framehop") == 4
    assert most_cameras([taken(4, 150)], "framehop") == 0


def test_a_load_is_held_by_most_rounds_and_never_with_a_picture_lost() -> None:
    assert most_cameras([taken(4, 50), taken(4, 150), taken(4, 60)], "framehop") == 4
    assert most_cameras([taken(4, 50), taken(4, 60), taken(4, 70, unanswered=1)], "framehop") == 0
