"""The detector's lanes: who looks at which picture when, with which model, and how all of that ends."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop._core import FrameRequest, Lease
from framehop.errors import ClosedError, ModelError, ProcessError
from framehop.pipeline.detector import lanes as lanes_module
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.detector.lanes import ANSWERS, MANY, Lanes, Leased, Looked
from framehop.pipeline.processes.facts import FIRST_MODEL
from framehop.testing.fake_model import FakeModel
from framehop.types import Detections
from tests.waiting import until

PATIENCE_S = 30
SECOND = FIRST_MODEL + 1


class FakeLease:
    """A picture whose pixels all have its number."""

    def __init__(self, number: int) -> None:
        self.number, self.released = number, False
        self.on_release: Callable[[], None] = lambda: None

    def array(self) -> NDArray[np.uint8]:
        return np.full((2, 2, 3), self.number, np.uint8)

    def release(self) -> None:
        self.released = True
        self.on_release()


@dataclass
class Desk:
    """Sees which pictures were begun, and by which model, and lets each end when a test says so."""

    begun: list[tuple[int, str]] = field(default_factory=list)
    held: dict[int, Event] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def hold(self, *numbers: int) -> None:
        self.held |= {number: Event() for number in numbers}

    def let(self, *numbers: int) -> None:
        for number in numbers:
            self.held[number].set()

    def seen(self, numbers: list[int], model: str) -> None:
        with self.lock:
            self.begun += [(number, model) for number in numbers]
        for number in numbers:
            assert self.held.get(number, OPEN).wait(PATIENCE_S)

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.begun]


OPEN = Event()
OPEN.set()


class Watched(FakeModel):
    """A detector at a desk. Picture 13 fails."""

    def __init__(self, desk: Desk, name: str, *, max_batch: int = 1) -> None:
        super().__init__(max_batch=max_batch)
        self._desk, self.name, self.closed = desk, name, False

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        numbers = [int(picture[0, 0, 0]) for picture in pictures]
        self._desk.seen(numbers, self.name)
        if 13 in numbers:
            raise ModelError("picture 13")
        return super().detect(pictures, source_sizes)

    def close(self) -> None:
        super().close()
        self.closed = True


def model_of(desk: Desk, count: int, name: str = "old", *, max_batch: int = 1) -> LaneModel:
    return LaneModel(tuple(Watched(desk, name, max_batch=max_batch) for _ in range(count)))


def closed(model: LaneModel) -> list[bool]:
    return [detector.closed for detector in cast("tuple[Watched, ...]", model.detectors)]


def pictures(*numbers: int) -> list[Leased]:
    request = cast(FrameRequest, SimpleNamespace(source_width=2, source_height=2))
    return [(request, cast(Lease, FakeLease(number))) for number in numbers]


def numbers_of(runs: Sequence[Looked]) -> list[list[int]]:
    return [[cast(FakeLease, lease).number for _, lease in run.batch] for run in runs]


@contextmanager
def lanes_of(desk: Desk, count: int, *, max_batch: int = 1, max_wait_s: float = 0.0) -> Iterator[Lanes]:
    with closing(Lanes(model_of(desk, count, max_batch=max_batch), max_wait_s=max_wait_s)) as lanes:
        yield lanes


def taken(lanes: Lanes, count: int) -> list[Looked]:
    runs: list[Looked] = []

    def came() -> bool:
        runs.extend(lanes.looked())
        return len(runs) >= count

    until(came, f"{count} runs")
    return runs


@pytest.fixture
def desk() -> Desk:
    return Desk()


def reached(desk: Desk, count: int) -> None:
    until(lambda: len(desk.begun) >= count, f"{count} pictures begun")


def test_each_lane_takes_the_oldest_picture_alone(desk: Desk) -> None:
    desk.hold(1, 2, 3, 4)
    with lanes_of(desk, 2) as lanes:
        lanes.put(pictures(1, 2, 3, 4))
        reached(desk, 2)
        assert sorted(desk.order) == [1, 2], "two lanes, two pictures"
        for number in (1, 2):
            desk.let(number)
            reached(desk, number + 2)
            assert desk.order[-1] == number + 2
        desk.let(3, 4)
        assert sorted(numbers_of(taken(lanes, 4))) == [[1], [2], [3], [4]]


def test_a_slow_picture_holds_up_no_other(desk: Desk) -> None:
    desk.hold(1)
    with lanes_of(desk, 2) as lanes:
        lanes.put(pictures(1, 2, 3, 4))
        assert numbers_of(taken(lanes, 3)) == [[2], [3], [4]]
        desk.let(1)
        [late] = taken(lanes, 1)
        assert numbers_of([late]) == [[1]]
        assert late.model == FIRST_MODEL
        assert len(late.found) == 1


def test_one_lane_takes_what_is_at_hand_up_to_its_batch(desk: Desk) -> None:
    desk.hold(1)
    with lanes_of(desk, 1, max_batch=3) as lanes:
        lanes.put(pictures(1))
        reached(desk, 1)
        lanes.put(pictures(2, 3, 4, 5, 6))
        desk.let(1)
        runs = taken(lanes, 3)
        assert numbers_of(runs) == [[1], [2, 3, 4], [5, 6]]
        assert [len(run.found) for run in runs] == [1, 3, 2]


@pytest.mark.parametrize("lanes", [1, 2])
def test_pictures_wait_for_others_until_the_batch_is_full(desk: Desk, lanes: int) -> None:
    with lanes_of(desk, lanes, max_batch=3, max_wait_s=10 * PATIENCE_S) as at:
        for number in (1, 2, 3):
            assert at.looked() == []
            at.put(pictures(number))
        assert numbers_of(taken(at, 1)) == [[1, 2, 3]]


def test_pictures_wait_no_longer_than_they_may(desk: Desk) -> None:
    with lanes_of(desk, 1, max_batch=3, max_wait_s=0.01) as lanes:
        lanes.put(pictures(1))
        assert numbers_of(taken(lanes, 1)) == [[1]]


def test_pictures_that_fill_the_batch_of_a_new_model_wait_no_more(desk: Desk) -> None:
    with lanes_of(desk, 1, max_batch=3, max_wait_s=10 * PATIENCE_S) as lanes:
        lanes.put(pictures(1, 2))
        sleepers = lanes._changed._waiters  # type: ignore[attr-defined]  # the lane has looked at both once it sleeps
        until(lambda: len(sleepers) == 1, "a lane that waits for a third")
        lanes.use(model_of(desk, 1, "new", max_batch=2), SECOND)
        assert numbers_of(taken(lanes, 1)) == [[1, 2]]


def test_pictures_that_wait_for_others_are_released_at_the_end(desk: Desk) -> None:
    [left] = pictures(1)
    with lanes_of(desk, 1, max_batch=3, max_wait_s=10 * PATIENCE_S) as lanes:
        lanes.put([left])
    assert cast(FakeLease, left[1]).released
    assert desk.order == []


@pytest.mark.parametrize(("count", "max_batch", "room"), [(1, 1, 6), (2, 1, 8), (1, 8, 20)])
def test_only_so_many_pictures_wait_as_keep_the_lanes_at_work(
    desk: Desk, count: int, max_batch: int, room: int
) -> None:
    desk.hold(1)
    with lanes_of(desk, count, max_batch=max_batch) as lanes:
        assert lanes.room == room
        for lane in range(count):
            lanes.put(pictures(1))
            reached(desk, lane + 1)
        lanes.put(pictures(*[2] * room))
        assert lanes.room == 0
        desk.let(1)
        taken(lanes, count + -(-room // max_batch))
        assert lanes.room == room


def test_a_lane_that_raises_raises_in_the_main_thread(desk: Desk) -> None:
    with lanes_of(desk, 2) as lanes:
        lanes.put(pictures(13))
        with pytest.raises(ModelError, match="picture 13"):
            taken(lanes, 1)


def readable(lanes: Lanes) -> bool:
    return bool(select.select([lanes], [], [], 0)[0])


def test_whoever_waits_is_woken(desk: Desk) -> None:
    with lanes_of(desk, 1) as lanes:
        assert not readable(lanes)
        lanes.put(pictures(1))
        until(lambda: readable(lanes), "a lane that is done")
        assert len(lanes.looked()) == 1
        assert not readable(lanes)


def test_while_many_wait_several_answers_share_a_wake_up(desk: Desk) -> None:
    desk.hold(*range(1, 7))
    with lanes_of(desk, 1) as lanes:
        lanes.backlog = MANY
        lanes.put(pictures(*range(1, 7)))
        for number in range(1, ANSWERS):
            desk.let(number)
            reached(desk, number + 1)  # by then the lane has done what it does at the end of a run
            assert not readable(lanes)
        desk.let(ANSWERS)
        until(lambda: readable(lanes), "the main thread's turn")
        assert len(lanes.looked()) == ANSWERS
        desk.let(5)
        until(lambda: readable(lanes), "a call for pictures, as the last one waits")
        assert len(lanes.looked()) == 1
        desk.let(6)


def test_what_a_lane_raises_wakes_at_once_also_while_many_wait(desk: Desk) -> None:
    with lanes_of(desk, 1) as lanes:
        lanes.backlog = MANY
        lanes.put(pictures(13, 1, 2, 3))
        until(lambda: readable(lanes), "the error")
        with pytest.raises(ModelError, match="picture 13"):
            lanes.looked()


def test_a_run_that_does_not_end_ends_the_detector(desk: Desk) -> None:
    desk.hold(1)
    with closing(Lanes(model_of(desk, 1), hang_s=0.0)) as lanes:
        lanes.put(pictures(1))
        reached(desk, 1)
        with pytest.raises(ProcessError, match="does not end"):
            taken(lanes, 1)
        desk.let(1)


def test_a_run_of_a_slow_model_may_take_longer(desk: Desk) -> None:
    desk.hold(1)
    with closing(Lanes(replace(model_of(desk, 1), batch_s=60.0), hang_s=0.0)) as lanes:
        lanes.put(pictures(1))
        reached(desk, 1)
        assert lanes.looked() == []
        desk.let(1)
        assert numbers_of(taken(lanes, 1)) == [[1]]


def test_lanes_are_not_judged_by_one_who_had_no_turn_either(desk: Desk) -> None:
    desk.hold(1)
    with closing(Lanes(model_of(desk, 1), hang_s=0.0)) as lanes:
        lanes.put(pictures(1))
        reached(desk, 1)
        lanes._checked_s -= 2 * lanes_module.NO_TURN_S
        assert lanes.looked() == []
        with pytest.raises(ProcessError, match="does not end"):
            taken(lanes, 1)
        desk.let(1)


# ---------------------------------------------------------------- another model


def test_another_model_gets_what_no_lane_has_begun_and_the_one_before_goes_with_its_last_run(desk: Desk) -> None:
    desk.hold(1, 2)
    old, new = model_of(desk, 2), model_of(desk, 2, "new")
    with closing(Lanes(old)) as lanes:
        lanes.put(pictures(1, 2, 3, 4))
        reached(desk, 2)
        lanes.use(new, SECOND)
        desk.let(1)
        assert [run.model for run in taken(lanes, 3)] == [FIRST_MODEL, SECOND, SECOND]
        assert closed(old) == [False, False], "one lane still runs it"
        desk.let(2)
        assert [run.model for run in taken(lanes, 1)] == [FIRST_MODEL]
        until(lambda: closed(old) == [True, True], "the model before is closed")
        assert sorted(desk.begun) == [(1, "old"), (2, "old"), (3, "new"), (4, "new")]
        assert closed(new) == [False, False]
    assert closed(new) == [True, True]


def test_another_model_takes_batches_of_its_own(desk: Desk) -> None:
    desk.hold(1)
    with lanes_of(desk, 1) as lanes:
        lanes.put(pictures(1))
        reached(desk, 1)
        lanes.use(model_of(desk, 1, "new", max_batch=3), SECOND)
        assert lanes.room == 10
        lanes.put(pictures(2, 3, 4))
        desk.let(1)
        assert numbers_of(taken(lanes, 2)) == [[1], [2, 3, 4]]


def test_a_model_that_nobody_runs_is_closed_at_once(desk: Desk) -> None:
    old, new = model_of(desk, 2), model_of(desk, 2, "new")
    with closing(Lanes(old)) as lanes:
        lanes.use(new, SECOND)
        assert closed(old) == [True, True]
        with pytest.raises(ClosedError):
            old.detectors[0].detect([])


def test_under_load_no_picture_gets_an_older_model_than_one_before_it(desk: Desk) -> None:
    with lanes_of(desk, 4) as lanes:
        runs: list[Looked] = []
        for number in range(200):
            if not lanes.room:
                runs += taken(lanes, 1)
            if number % 20 == 19:
                lanes.use(model_of(desk, 4, str(number)), FIRST_MODEL + 1 + number // 20)
            lanes.put(pictures(number + 20))
        runs += taken(lanes, 200 - len(runs))
        models = dict(zip([number for [number] in numbers_of(runs)], [run.model for run in runs], strict=True))
    assert [models[number] for number in sorted(models)] == sorted(models.values())
    assert len(models) == 200
    assert models[219] == FIRST_MODEL + 10


# ---------------------------------------------------------------- the end


def test_the_end_releases_what_waits_and_waits_for_what_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LANES_END_S", PATIENCE_S)
    desk.hold(1)
    model, waiting = model_of(desk, 1), pictures(2, 3)
    lanes = Lanes(model)
    lanes.put(pictures(1))
    reached(desk, 1)
    lanes.put(waiting)
    leases = [cast(FakeLease, lease) for _, lease in waiting]
    leases[1].on_release = lambda: desk.let(1)
    lanes.close()
    assert [lease.released for lease in leases] == [True, True]
    assert not lanes.busy
    assert closed(model) == [True]
    assert desk.order == [1], "what waited was not begun"
    lanes.close()


def test_a_lane_that_does_not_end_is_told_and_keeps_its_model(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LANES_END_S", 0.0)
    desk.hold(1)
    model = model_of(desk, 1)
    lanes = Lanes(model)
    lanes.put(pictures(1))
    reached(desk, 1)
    lanes.close()
    assert lanes.busy
    assert closed(model) == [False]
    desk.let(1)
    until(lambda: not lanes.busy, "the lane")
    lanes.close()
    assert closed(model) == [True]
