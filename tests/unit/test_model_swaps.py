"""A swap as the supervisor sees it: all detectors turn to another model, or none."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from framehop.budgets import HANG_S, LOAD_S, SLOW_LOAD_S, START_S
from framehop.errors import ModelError, ProcessError
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.facts import FIRST_MODEL
from framehop.pipeline.processes.messages import CancelSwap, Message, Swap, SwapFailed, SwapLoaded, Switch
from framehop.pipeline.supervisor import model_swaps
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.model_swaps import DEATHS_LIMIT, KEPT, ModelSwaps

PATIENCE_S = 30.0


class Ear:
    """Stands in for a channel: keeps what was said."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, message: Message) -> bool:
        self.heard.append(message)
        return True


def check(model: str) -> None:
    if model == "nowhere":
        raise ModelError("there is no model 'nowhere'")


class House:
    """A supervisor's detectors, all ready, and its swaps."""

    def __init__(self, count: int) -> None:
        self.processes = [Process("detector", "x", index) for index in range(count)]
        self.swaps = ModelSwaps("old", self.processes, check)
        for process in self.processes:
            self.start(process)

    def start(self, process: Process) -> None:
        process.channel, process.ready = cast(Channel, Ear()), True

    def heard(self, index: int) -> list[Message]:
        """Return what a detector was told since the last call."""
        ear = cast(Ear, self.processes[index].channel)
        said, ear.heard = ear.heard, []
        return said

    def loaded(self, number: int, *indices: int) -> None:
        for index in indices:
            self.swaps.hear(self.processes[index], SwapLoaded(number))
        self.swaps.tend()

    def switched(self, number: int, *indices: int) -> None:
        for index in indices:
            self.swaps.runs(self.processes[index], number)
        self.swaps.tend()

    def phase(self, number: int = 2) -> str:
        return self.swaps.report(number).phase

    def die(self, index: int) -> None:
        """A detector dies and is not up again yet."""
        self.processes[index].ready, self.processes[index].channel = False, None
        self.swaps.died(self.processes[index])
        self.swaps.tend()


@pytest.fixture
def house() -> House:
    return House(2)


def begin(house: House, model: str = "new", within_s: float = 60.0) -> int:
    number = house.swaps.request(model, within_s).number
    house.swaps.tend()
    return number


def test_none_switches_before_all_have_loaded(house: House) -> None:
    number = begin(house)
    assert number > FIRST_MODEL
    assert [house.heard(0), house.heard(1)] == [[Swap(number, "new")]] * 2
    house.loaded(number, 0)
    assert [house.heard(0), house.heard(1)] == [[], []]
    assert (house.phase(), house.swaps.model) == ("loading", "old")
    assert house.swaps.report(number).states == {"detector-0": "loaded", "detector-1": "loading"}
    house.loaded(number, 1)
    assert [house.heard(0), house.heard(1)] == [[Switch(number)]] * 2
    assert (house.phase(), house.swaps.model) == ("switching", "new")
    house.switched(number, 0)
    assert house.phase() == "switching"
    house.switched(number, 1)
    assert house.phase() == "done"
    assert house.swaps.under_way() is None


def test_one_that_loads_may_be_silent_for_longer(house: House) -> None:
    process, now_s = house.processes[0], time.monotonic()
    process.heard_s = now_s - LOAD_S / 2
    number = begin(house)
    assert process.deadline_s() >= now_s + START_S, "the runtime may keep the interpreter's lock"
    house.loaded(number, *range(len(house.processes)))
    process.heard_s = now_s + 2 * START_S
    assert process.deadline_s() == process.heard_s + HANG_S


def test_one_that_has_loaded_may_not_be_silent_while_others_load(house: House) -> None:
    number = begin(house)
    for process in house.processes:
        process.heard_s = process.patient_until_s = 0.0
    house.loaded(number, 0)
    done, loading = house.processes
    assert done.deadline_s() == HANG_S
    assert loading.deadline_s() > START_S


def test_one_that_cannot_load_it_keeps_all_as_they_were(house: House) -> None:
    number = begin(house)
    house.loaded(number, 0)
    house.swaps.hear(house.processes[1], SwapFailed(number, "why"))
    house.swaps.tend()
    assert house.swaps.report(number).error == "detector-1: why"
    assert (house.phase(), house.swaps.model) == ("failed", "old")
    assert [house.heard(index)[-1] for index in (0, 1)] == [CancelSwap(number)] * 2
    house.loaded(number, 0, 1)  # words that come late
    assert (house.phase(), house.swaps.model) == ("failed", "old")


def test_one_that_loads_for_long_is_said_to_be_waited_for(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = begin(house, within_s=LOAD_S)
    house.loaded(number, 0)
    assert caplog.messages == []
    later_s = time.monotonic() + SLOW_LOAD_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    for _ in range(3):
        house.swaps.tend()
    (said,) = caplog.messages
    assert said.startswith("detector-1: loading and trying new beside the model that runs, for 31 s; 600 s are allowed")
    assert house.swaps.report(number).load_s == LOAD_S


def test_one_that_takes_too_long_is_named(house: House) -> None:
    number = begin(house, within_s=0.0)
    assert house.phase(number) == "failed"
    assert "detector-0, detector-1 did not load it in time" in house.swaps.report(number).error


def test_the_time_in_which_everybody_was_frozen_is_not_part_of_the_loading(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = begin(house, within_s=10.0)
    later_s = time.monotonic() + 100.0
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    house.swaps.tend(away_s=95.0)
    assert house.phase(number) == "loading"
    house.swaps.tend(away_s=80.0)
    assert house.phase(number) == "failed"


def test_what_all_have_loaded_at_the_last_moment_is_in_time(house: House) -> None:
    number = house.swaps.request("new", 0.0).number
    house.loaded(number, 0, 1)
    assert (house.phase(), house.swaps.model) == ("switching", "new")


def test_one_that_dies_while_it_loads_is_told_again(house: House) -> None:
    number = begin(house)
    house.loaded(number, 0)
    house.die(0)
    house.loaded(number, 1)
    assert house.phase() == "loading", "the successor of the first has not loaded it"
    house.start(house.processes[0])
    house.switched(FIRST_MODEL, 0)  # it is up, with the old model
    assert house.heard(0) == [Swap(number, "new")]
    house.loaded(number, 0)
    assert house.phase() == "switching"


def test_one_that_dies_of_the_model_ends_the_swap(house: House) -> None:
    number = begin(house)
    for _ in range(DEATHS_LIMIT):
        house.start(house.processes[0])
        house.swaps.tend()
        assert house.phase(number) == "loading"
        house.die(0)
    assert f"detector-0 died {DEATHS_LIMIT} times" in house.swaps.report(number).error
    assert house.swaps.model == "old"


def test_one_that_dies_after_the_decision_starts_with_the_new_model(house: House) -> None:
    number = begin(house)
    house.loaded(number, 0, 1)
    house.switched(number, 0)
    house.die(1)
    assert house.swaps.model == "new"
    house.start(house.processes[1])
    house.switched(FIRST_MODEL, 1)
    assert house.phase() == "done"


def test_an_order_that_was_lost_is_repeated(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    number = begin(house)
    house.swaps.tend()
    assert house.heard(0) == [Swap(number, "new")], "said twice at once"
    monkeypatch.setattr(model_swaps, "REPEAT_S", 0.0)
    house.swaps.tend()
    assert house.heard(0) == [Swap(number, "new")]


def test_there_is_one_swap_at_a_time(house: House) -> None:
    number = begin(house)
    with pytest.raises(ProcessError, match="a swap to new is under way"):
        house.swaps.request("newer")
    house.loaded(number, 0, 1)
    house.switched(number, 0, 1)
    assert begin(house, "newer") == number + 1


def test_a_model_that_is_not_there_begins_nothing(house: House) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        house.swaps.request("nowhere")
    assert house.swaps.under_way() is None
    with pytest.raises(ProcessError, match="no swap 2"):
        house.swaps.report(2)


def test_the_end_of_a_swap_can_be_asked_for_until_many_came_after_it(house: House) -> None:
    numbers = [begin(house, within_s=0.0) for _ in range(KEPT + 1)]
    assert house.swaps.report(numbers[1]).phase == "failed"
    with pytest.raises(ProcessError, match=f"no swap {numbers[0]}"):
        house.swaps.report(numbers[0])


def test_whoever_waits_for_the_end_of_a_swap_is_woken_by_it(house: House) -> None:
    number = begin(house)
    assert not house.swaps.ended(number, 0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.swaps.ended, number, PATIENCE_S)
        house.loaded(number, 0, 1)
        assert not waiting.done()
        house.switched(number, 0, 1)
        assert waiting.result(PATIENCE_S)
        failing = begin(house, "newer")
        waiting = pool.submit(house.swaps.ended, failing, PATIENCE_S)
        house.swaps.hear(house.processes[0], SwapFailed(failing, "why"))
        assert waiting.result(PATIENCE_S)
    with pytest.raises(ProcessError, match="no swap 99"):
        house.swaps.ended(99, 0.0)


def test_words_about_another_swap_are_no_news(house: House) -> None:
    first = begin(house, within_s=0.0)
    second = begin(house)
    house.loaded(first, 0, 1)
    assert house.phase(second) == "loading"
    for process in house.processes:
        house.swaps.hear(process, SwapFailed(first, "late"))
    assert house.phase(second) == "loading"
