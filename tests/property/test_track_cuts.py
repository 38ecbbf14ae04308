"""A tracker that has only seen the last events of a stream, with their ids, goes on as one that has seen all of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from framehop.tracking import KEPT_US, StreamTracker
from framehop.types import Event
from tests.scenes import BEGIN_US, Actor, event, ids, play, thing

places = st.tuples(st.integers(0, 12), st.integers(0, 4))
objects = st.lists(
    st.tuples(places, st.sampled_from([0.3, 0.49, 0.5, 0.9]), st.sampled_from(["person", "car"])), max_size=6
)
# Milliseconds to the next frame: a film's frames out of order, pauses, a clock that is set back.
steps = st.sampled_from([40, 40, 40, 120, -80, 0, 500, 1000, 1500, 9000, -60_000])
frames = st.lists(
    st.tuples(objects, steps, st.sampled_from(["detected", "detected", "detected", "skipped"])), max_size=60
)


def events_of(found: list[tuple[list[tuple[tuple[int, int], float, str]], int, str]]) -> list[Event]:
    events, at_us = [], BEGIN_US
    for seq, (seen, step, outcome) in enumerate(found):
        things = [
            thing((x * 7.0, y * 9.0, x * 7.0 + 20, y * 9.0 + 20), label=label, confidence=confidence)
            for (x, y), confidence, label in seen
        ]
        looked = outcome == "detected"
        events.append(event(seq, things if looked else [], at_us=at_us, outcome="detected" if looked else "skipped"))
        at_us += step * 1000
    return events


def check(events: list[Event], cut: int) -> None:
    whole = StreamTracker()
    followed, times = [], []
    for each in events:
        followed.append(whole.follow(each))
        times.append(whole.now_us)
    successor = StreamTracker()
    oldest = times[cut - 1] - KEPT_US if cut else 0
    for each, at_us in zip(followed[:cut], times, strict=False):
        if at_us >= oldest:
            successor.recall(each)
    assert [successor.follow(each) for each in events[cut:]] == followed[cut:]


@settings(max_examples=60, deadline=None)
@given(found=frames, share=st.floats(0, 1))
def test_ids_after_any_cut(
    found: list[tuple[list[tuple[tuple[int, int], float, str]], int, str]], share: float
) -> None:
    events = events_of(found)
    check(events, round(share * len(events)))


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), fps=st.sampled_from([2, 10, 25]))
def test_ids_of_a_scene_after_every_cut(seed: int, fps: int) -> None:
    actors = [Actor(at=(60.0 * k, 50.0 + 9 * seed % 200), speed=(k - 2.0, 1.0)) for k in range(5)]
    scene = play(actors, 60, fps=fps, noise=3.0, missed=0.2, false=0.2, seed=seed)
    for cut in range(5, 60, 17):
        check(scene.events, cut)


def test_a_hidden_object_is_expected_by_all_that_was_remembered_of_it() -> None:
    """It ran, stood for half a second, and was hidden for nearly two: where it is expected then follows from before it stood."""
    xs = [0, 40, 80, 120, 160, 160, 160, 160]
    seen = [[thing((x + 0.0, 0.0, x + 50.0, 50.0))] for x in xs]
    back = thing((535.0, 0.0, 585.0, 50.0))
    events = [
        event(seq, objects, at_us=BEGIN_US + 125_000 * seq) for seq, objects in enumerate([*seen, *([[]] * 14), [back]])
    ]
    tracker = StreamTracker()
    assert [ids(tracker.follow(each)) for each in events][-1] == [1], "else this says nothing"
    check(events, len(events) - 1)


@settings(max_examples=30, deadline=None)
@given(found=frames)
def test_ids_are_unique_in_a_frame_and_never_smaller_than_new_ones_before(
    found: list[tuple[list[tuple[tuple[int, int], float, str]], int, str]],
) -> None:
    tracker, largest = StreamTracker(), 0
    for each in events_of(found):
        followed = tracker.follow(each)
        given_ids = [number for number in ids(followed) if number is not None]
        assert len(set(given_ids)) == len(given_ids)
        new = [number for number in given_ids if number > largest]
        assert new == list(range(largest + 1, largest + 1 + len(new)))
        largest = followed.last_track_id or 0
        assert max(given_ids, default=0) <= largest
