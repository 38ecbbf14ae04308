"""Tracks against the truth of scenes that are known: crossing, hidden, entering and leaving, few frames a second."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from framehop.tracking import StreamTracker
from framehop.tracking.assignment import _Solver, best_pairs
from framehop.tracking.look_clock import STEP_US, LookClock
from framehop.tracking.overlaps import grown, overlaps
from framehop.tracking.tracker import MOST_OBJECTS
from framehop.types import Event
from tests.byte_track import byte_track
from tests.mot import score
from tests.scenes import BEGIN_US, Actor, Scene, event, ids, play, thing, tracks_in

SECOND_US = 1_000_000


def follow(events: Sequence[Event]) -> list[Event]:
    tracker = StreamTracker()
    return [tracker.follow(each) for each in events]


def numbers_of(scene: Scene, followed: Sequence[Event], actor: int) -> set[int | None]:
    """Return the ids that an actor had."""
    return {
        number
        for truth, seen in zip(scene.truth, followed, strict=True)
        for who, number in zip(truth, ids(seen), strict=True)
        if who == actor
    }


# ---------------------------------------------------------------- pairs


def test_pairs_gain_as_much_as_the_best_of_all_pairings() -> None:
    chance = np.random.default_rng(7)
    for rows, columns in itertools.product(range(1, 6), range(1, 6)):
        gains = chance.integers(0, 10, (rows, columns)).astype(np.float64)
        pairs = best_pairs(gains)
        assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
        assert all(gains[pair] > 0 for pair in pairs)
        assert sum(gains[pair] for pair in pairs) == _most(gains)


def _most(gains: np.typing.NDArray[np.float64]) -> float:
    """The sum of the best pairing, by trying all."""
    small = gains if gains.shape[0] <= gains.shape[1] else gains.T
    orders = itertools.permutations(range(small.shape[1]), small.shape[0])
    return float(max(sum(small[row, column] for row, column in enumerate(order)) for order in orders))


def test_boxes_that_are_all_the_same_cost_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some networks suppress nothing: searching for a way around each one before would take a second for 300 boxes."""

    def searched(*_arguments: object) -> None:
        pytest.fail("it searches")

    monkeypatch.setattr(_Solver, "_reach", searched)
    assert best_pairs(np.ones((150, 150))) == [(k, k) for k in range(150)]


def test_nobody_is_paired_where_nothing_fits() -> None:
    assert best_pairs(np.zeros((3, 2))) == []
    assert best_pairs(np.zeros((0, 2))) == []


def test_overlaps_of_boxes() -> None:
    first = np.array([[0.0, 0, 10, 10], [0, 0, 0, 0]])
    second = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    assert overlaps(first, second).tolist() == [[1.0, pytest.approx(1 / 3), 0.0], [0.0, 0.0, 0.0]]
    assert grown(first[:1], 0.5).tolist() == [[-5.0, -5.0, 15.0, 15.0]]


# ---------------------------------------------------------------- against the truth

CROSSING = [Actor(at=(50, 180), speed=(3, 0)), Actor(at=(350, 190), speed=(-3, 0))]
STREET = [
    Actor(at=(20, 100), speed=(2.5, 0.3), frames=range(240), hidden=range(60, 80)),
    Actor(at=(620, 120), speed=(-2, 0), frames=range(300), weak=range(100, 130)),
    Actor(at=(300, 250), frames=range(300), hidden=range(150, 190)),
    Actor(at=(100, 20), speed=(0, 1.5), frames=range(30, 200)),
    Actor(at=(400, 330), speed=(1.2, -0.8), frames=range(90, 260), label="dog", size=(60, 40)),
    Actor(at=(330, 260), speed=(-1, 0), frames=range(120, 300), label="car", size=(120, 70)),
    Actor(at=(550, 300), speed=(-3, -0.5), frames=range(200, 300)),
]


def thinned(actor: Actor, every: int) -> Actor:
    """Return the same actor where one of `every` frames is looked at."""

    def fewer(frames: range) -> range:
        return range(-(-frames.start // every), -(-frames.stop // every))

    return replace(
        actor,
        speed=(actor.speed[0] * every, actor.speed[1] * every),
        frames=fewer(actor.frames),
        hidden=fewer(actor.hidden),
        weak=fewer(actor.weak),
    )


@pytest.mark.parametrize(
    ("name", "actors", "fps", "noise", "missed", "false", "mota", "idf1"),
    [
        ("crossing", CROSSING, 25, 1.0, 0.0, 0.0, 0.999, 0.999),
        ("crossing, noisy", CROSSING, 25, 3.0, 0.1, 0.05, 0.8, 0.88),
        ("street", STREET, 25, 1.0, 0.0, 0.0, 0.99, 0.99),
        ("street, noisy", STREET, 25, 2.0, 0.1, 0.1, 0.85, 0.92),
        ("street, six frames a second", [thinned(actor, 4) for actor in STREET], 6.25, 1.0, 0.0, 0.0, 0.98, 0.98),
    ],
)
def test_scenes(
    name: str, actors: list[Actor], fps: float, noise: float, missed: float, false: float, mota: float, idf1: float
) -> None:
    """The truth has every object that is not hidden, so one that nobody found counts as missed. The reference remembers more than
    events hold, and shows no track before its second box, so fewer false ones; in nothing else is it better."""
    for seed in range(3):
        frames = round(fps * (4 if actors is CROSSING else 12))
        scene = play(actors, frames, fps=fps, noise=noise, missed=missed, false=false, seed=seed)
        got = score(scene.visible, [tracks_in(each) for each in follow(scene.events)])
        print(f"{name}, seed {seed}: MOTA {got.mota:.3f}, IDF1 {got.idf1:.3f}, {got.switches} switches")
        assert got.mota >= mota
        assert got.idf1 >= idf1
    reference = score(scene.visible, byte_track(scene.events, lost=round(2 * fps)))
    print(f"{name}, the reference: MOTA {reference.mota:.3f}, IDF1 {reference.idf1:.3f}, {reference.switches} switches")
    assert got.mota >= reference.mota - 0.01 - false
    assert got.idf1 >= reference.idf1 - 0.01 - false / 2
    assert got.switches <= reference.switches


def test_who_walks_past_at_two_frames_a_second_keeps_the_id() -> None:
    """0.7 m from frame to frame is more than a person is wide: no box overlaps the one before."""
    scene = play([Actor(at=(50, 180), speed=(42, 0), size=(40, 100))], 12, fps=2)
    assert numbers_of(scene, follow(scene.events), 0) == {1}


def test_an_object_behind_another_keeps_its_id() -> None:
    scene = play([Actor(at=(50, 180), speed=(4, 0), hidden=range(30, 60))], 90)
    assert numbers_of(scene, follow(scene.events), 0) == {1}


def test_an_object_that_was_away_for_longer_has_another_id() -> None:
    scene = play([Actor(at=(50, 180), hidden=range(20, 75))], 100)
    assert numbers_of(scene, follow(scene.events), 0) == {1, 2}


def test_a_weak_box_continues_a_track_and_begins_none() -> None:
    scene = play([Actor(at=(50, 180), speed=(1, 0), weak=range(10, 20)), Actor(at=(400, 180), weak=range(100))], 30)
    followed = follow(scene.events)
    assert numbers_of(scene, followed, 0) == {1}
    assert numbers_of(scene, followed, 1) == {None}


def test_another_label_is_another_track() -> None:
    box = (10.0, 10.0, 50.0, 90.0)
    first, second = follow([event(0, [thing(box)]), event(1, [thing(box, label="dog")])])
    assert (ids(first), ids(second)) == ([1], [2])


def test_another_model_goes_on_with_the_tracks_of_the_same_words() -> None:
    scene = play([Actor(at=(50, 180), speed=(1, 0)), Actor(at=(400, 180), label="dog")], 40)
    swapped = [replace(found, label_id=found.label_id + 70) for found in scene.events[20].objects]
    followed = follow([*scene.events[:20], replace(scene.events[20], objects=swapped)])
    before, after = ({found.label: found.track_id for found in each.objects} for each in followed[19:])
    assert after == before


def test_an_object_is_shown_with_its_id() -> None:
    found = thing((0.0, 0.0, 1.0, 1.0), confidence=0.87)
    assert (found.shown, replace(found, track_id=7).shown) == ("person 0.87", "person #7 0.87")


def test_ids_count_from_one_and_the_largest_is_told() -> None:
    scene = play(STREET, 300)
    followed = follow(scene.events)
    given = [number for each in followed for number in ids(each) if number is not None]
    assert sorted(set(given)) == list(range(1, max(given) + 1))
    largest = list(itertools.accumulate((max((n or 0 for n in ids(each)), default=0) for each in followed), max))
    assert [each.last_track_id for each in followed] == largest


def test_no_id_is_twice_in_a_frame() -> None:
    chance = random.Random(3)
    scene = play([Actor(at=(chance.uniform(0, 200), chance.uniform(0, 200)), speed=(1, 1)) for _ in range(40)], 50)
    for each in follow(scene.events):
        given = [number for number in ids(each) if number is not None]
        assert len(set(given)) == len(given)


def test_what_was_skipped_or_failed_ends_no_track_by_itself() -> None:
    """One frame of each second is looked at, as with every_n=25."""
    box = (10.0, 10.0, 50.0, 90.0)
    events = [
        event(seq, [thing(box)]) if seq % 25 == 0 else event(seq, outcome="failed" if seq % 7 == 0 else "skipped")
        for seq in range(200)
    ]
    followed = follow(events)
    assert {number for each in followed for number in ids(each)} == {1}
    assert {each.last_track_id for each in followed} == {1}


def test_a_still_object_that_is_looked_at_every_ten_seconds_keeps_its_id() -> None:
    """It is looked at as with --when motion; it may be missed once."""
    box = (10.0, 10.0, 50.0, 90.0)
    looks = [[thing(box)], [thing(box)], [], [thing(box)], [], [], []]
    followed = follow([event(k, found, at_us=BEGIN_US + 10 * SECOND_US * k) for k, found in enumerate(looks)])
    late = event(7, [thing(box)], at_us=BEGIN_US + 70 * SECOND_US)
    assert [ids(each) for each in followed[:4]] == [[1], [1], [], [1]]
    assert ids(follow([*(replace(each) for each in followed), late])[-1]) == [2]


def test_pictures_of_a_film_that_come_out_of_order() -> None:
    """P before B: the log has them in the order in which they are decoded."""
    actor = Actor(at=(50, 180), speed=(4, 0), size=(20, 60))
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11]
    events = [event(seq, [thing(actor.box(frame))], at_us=BEGIN_US + 40_000 * frame) for seq, frame in enumerate(shown)]
    assert {number for each in follow(events) for number in ids(each)} == {1}


def test_a_frame_that_comes_again_changes_nothing() -> None:
    scene = play(CROSSING, 40)
    plain, tracker = follow(scene.events), StreamTracker()
    for each, expected in zip(scene.events, plain, strict=True):
        assert tracker.follow(each) == expected
        again = tracker.follow(each)
        assert ids(again) == [None] * len(each.objects)
        assert again.last_track_id == expected.last_track_id


def test_of_very_many_objects_the_strongest_are_followed() -> None:
    crowd = [thing((k * 10.0, 0.0, k * 10.0 + 8, 8.0)) for k in range(MOST_OBJECTS + 20)]
    (followed,) = follow([event(0, crowd)])
    assert ids(followed)[:MOST_OBJECTS] == list(range(1, MOST_OBJECTS + 1))
    assert set(ids(followed)[MOST_OBJECTS:]) == {None}


# ---------------------------------------------------------------- its clock


def test_the_clock_counts_no_long_pause_and_no_jump() -> None:
    clock = LookClock()
    assert [clock.at(moment) for moment in (5, 105, 65)] == [0, 100, 60]
    assert clock.at(105 + 10 * SECOND_US) == 100 + STEP_US
    before = clock.now_us
    assert clock.at(5) == before + STEP_US, "set back by ten seconds"
    assert clock.at(105) == before + STEP_US + 100
