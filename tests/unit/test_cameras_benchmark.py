"""benchmarks/cameras.py keeps to its schedule, and judges by what was late."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from benchmarks.accuracy.scoring import Found
from benchmarks.harness.machine import Load
from benchmarks.open_loop.films import Truth, judged, write_config
from benchmarks.open_loop.report import most_cameras
from benchmarks.open_loop.results import Latency, Round, Run, latency_of
from benchmarks.open_loop.schedule import Offer, schedule
from framehop.config.file import load_config
from framehop.pipeline.worker.object_filter import ObjectFilter
from framehop.pipeline.worker.watched import watched
from framehop.types import DetectedObject


def test_every_camera_has_its_pace_and_a_phase_of_its_own() -> None:
    offer = Offer(cameras=3, fps=5.0, seconds=2.0, seed=1)
    _, dues = schedule(offer)
    assert len(dues) == offer.frames
    assert dues == sorted(dues)
    for camera in range(3):
        times = [due.at_s for due in dues if due.camera == camera]
        assert all(later - earlier == pytest.approx(0.2) for earlier, later in pairwise(times))
    assert len({min(due.at_s for due in dues if due.camera == camera) for camera in range(3)}) == 3


def test_the_run_in_comes_before_all_that_counts_and_at_the_same_pace() -> None:
    offer = Offer(cameras=3, fps=5.0, seconds=2.0, seed=1, lead=4, run_in=2)
    run_in, counted = schedule(offer)
    assert (len(run_in), len(counted)) == (6, offer.frames)
    assert run_in + counted == sorted(run_in + counted)
    assert {due.seq for due in run_in} == {4, 5}
    assert min(due.seq for due in counted) == offer.before == 6


def test_a_fast_camera_comes_beside_the_others() -> None:
    offer = Offer(cameras=2, fps=5.0, seconds=2.0, seed=1, run_in=5, fast=60.0)
    run_in, counted = schedule(offer)
    assert Counter(due.camera for due in counted) == {0: 10, 1: 10, 2: 120}
    assert Counter(due.camera for due in run_in) == {0: 5, 1: 5, 2: 60}
    assert (len(counted), max(due.at_s for due in run_in) < 1) == (offer.frames, True)


def test_what_was_skipped_is_accounted_for_and_not_on_time() -> None:
    latency = latency_of(Run(late_ms=[50.0, 150.0], cpu_s=0.0, skipped=1), frames=4)
    assert (latency.on_time, latency.unanswered) == (0.25, 1)


def test_a_run_of_which_all_was_skipped_can_be_kept() -> None:
    latency = latency_of(Run(late_ms=[], cpu_s=0.0, skipped=4), frames=4)
    assert msgspec.json.decode(msgspec.json.encode(latency), type=Latency) == latency


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


# ---------------------------------------------------------------- films

FILMS = Offer(cameras=6, fps=5.0, seconds=2.0, seed=1, films=(4, 1, 9), lead=2)


def shown(camera: int) -> list[int]:
    return [FILMS.place(camera, seq, pictures=14) for seq in range(40)]


def test_films_turn_round_at_their_ends_and_every_camera_stays_with_its_own() -> None:
    for camera, (begin, end) in enumerate([(0, 4), (4, 5), (5, 14)] * 2):
        assert set(shown(camera)) == set(range(begin, end))
        assert all(abs(later - earlier) == (end - begin > 1) for earlier, later in pairwise(shown(camera)))


def test_cameras_of_the_same_film_do_not_show_the_same() -> None:
    many = Offer(cameras=26, fps=5.0, seconds=2.0, seed=1, films=(100,))
    assert len({many.place(camera, 0, 100) for camera in range(26)}) >= 20


def test_without_a_film_every_camera_cuts_among_all_pictures() -> None:
    offer = Offer(cameras=2, fps=5.0, seconds=2.0, seed=1)
    assert [offer.place(1, seq, pictures=3) for seq in range(4)] == [1, 2, 0, 1]


def test_an_object_that_came_and_went_between_two_looks_was_missed() -> None:
    offer = Offer(cameras=1, fps=5.0, seconds=1.0, seed=1, films=(7,), lead=2)
    cat = Found("cat", 0.9, (10.0, 10.0, 50.0, 50.0))
    truth = Truth([[cat], [], [], [cat], [cat], [], []], threshold=0.5)  # seqs 2 to 6 count, those before are the lead
    run = Run(late_ms=[], cpu_s=0.0, skipped=4, looked=[[2]])
    latency = judged(latency_of(run, offer.frames), run, offer, truth)
    assert (latency.objects, latency.missed) == (2, 2)
    run = Run(late_ms=[], cpu_s=0.0, skipped=4, looked=[[3]])
    assert judged(latency_of(run, offer.frames), run, offer, truth).missed == 0


def test_what_was_missed_in_the_run_in_does_not_count() -> None:
    offer = Offer(cameras=1, fps=5.0, seconds=1.0, seed=1, films=(7,), lead=1, run_in=1)
    cat, dog = (Found(label, 0.9, (10.0, 10.0, 50.0, 50.0)) for label in ("cat", "dog"))
    truth = Truth(
        [[cat], [dog], [dog], [cat], [cat], [cat], [cat]], threshold=0.5
    )  # seqs 2 to 6 count, 1 is the run-in
    run = Run(late_ms=[], cpu_s=0.0, skipped=5, looked=[[]])
    latency = judged(latency_of(run, offer.frames), run, offer, truth)
    assert (latency.objects, latency.missed) == (5, 1)
    run = Run(late_ms=[], cpu_s=0.0, skipped=5, looked=[[1]])
    assert judged(latency_of(run, offer.frames), run, offer, truth).missed == 4


def test_what_is_not_watched_is_masked_and_its_objects_do_not_count(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path / "watch.yaml", (0.5, 0.0, 1.0, 0.5))).detect
    assert watched(config.motion.masks["*"], columns=4, rows=4).tolist() == [
        *([[False, False, True, True]] * 2),
        *([[False] * 4] * 2),
    ]
    inside, below = (thing((60.0, 10.0, 80.0, 30.0)), thing((60.0, 60.0, 80.0, 80.0)))
    assert ObjectFilter(config.regions).keep("camera-000", (100, 100), [inside, below]) == [inside]


def thing(box: tuple[float, float, float, float]) -> DetectedObject:
    return DetectedObject(label="cat", label_id=17, confidence=0.9, box=box)
