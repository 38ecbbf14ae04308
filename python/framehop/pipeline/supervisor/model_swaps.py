"""Has all detectors turn to another model, or none of them.

Each detector first loads the model beside the one that runs. Once all have it, the swap is decided: from then on a detector that
is started anew starts with it, and those that run are told to switch. Until then, one that cannot load it makes the swap fail, and
all go on as they were.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from framehop.budgets import LOAD_S, SLOW_LOAD_S
from framehop.errors import ProcessError
from framehop.pipeline.processes.facts import FIRST_MODEL
from framehop.pipeline.processes.messages import CancelSwap, Message, Swap, SwapFailed, SwapLoaded, Switch
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.wake import Wake
from framehop.timing import Deadline, Reminder
from framehop.types import ModelInfo

logger = logging.getLogger(__name__)

REPEAT_S = 1.0
KEPT = 16  # swaps whose end can still be asked for
DEATHS_LIMIT = 3  # a detector that dies so often while it loads the model dies of it

SwapPhase = Literal["loading", "switching", "done", "failed"]
DetectorState = Literal["loading", "loaded", "switched"]


class SwapReport(msgspec.Struct, frozen=True, kw_only=True, tag="swap_report"):
    """A swap at one moment. `number`: its own, from 2, as a detector's first model has number 1. `took_s`: until now, or until its
    end. `states`: of each detector, by its process's name. `models`: what each detector runs now. `error`: why it failed.
    `load_s`: how long loading may take; 0 where an earlier version does not say."""

    number: int
    model: str
    phase: SwapPhase
    took_s: float
    states: dict[str, DetectorState]
    models: dict[str, ModelInfo] = {}
    error: str = ""
    load_s: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the swap has ended, well or not."""
        return self.phase in ("done", "failed")


@dataclass(slots=True, kw_only=True)
class _Swap:
    """The state of a swap. `loaded`, `switched`: indices of detectors. `told_s`: when each was last told what to do. `away_s`: the
    time, all in all, in which the supervisor had not run when it first saw the swap."""

    number: int
    model: str
    began_s: float
    within_s: float
    deadline: Deadline
    phase: SwapPhase = "loading"
    error: str = ""
    ended_s: float = 0.0
    loaded: set[int] = field(default_factory=set)
    switched: set[int] = field(default_factory=set)
    deaths: Counter[int] = field(default_factory=Counter)
    told_s: dict[int, float] = field(default_factory=dict)
    slow: Reminder = field(default_factory=Reminder)
    away_s: float | None = None

    @property
    def over(self) -> bool:
        return self.phase in ("done", "failed")

    def state(self, index: int) -> DetectorState:
        if index in self.switched:
            return "switched"
        return "loaded" if index in self.loaded else "loading"

    def order(self, index: int) -> Swap | Switch | None:
        """Return what the detector is to be told now."""
        if self.phase == "loading":
            return None if index in self.loaded else Swap(self.number, self.model)
        return None if index in self.switched else Switch(self.number)

    def is_due(self, index: int) -> bool:
        return time.monotonic() - self.told_s.get(index, 0.0) >= REPEAT_S

    def is_late(self, away_s: float) -> bool:
        """Return whether the time to load the model is up. `away_s`: as for `ModelSwaps.tend`."""
        self.away_s = away_s if self.away_s is None else self.away_s
        return self.deadline.later(away_s - self.away_s).expired

    def end(self, phase: Literal["done", "failed"], error: str = "") -> None:
        self.phase, self.error, self.ended_s = phase, error, time.monotonic()


class ModelSwaps:
    """Carries out swaps, one at a time. `request`, `report` and `ended` may be called from any thread; the rest belongs to the
    supervisor's, for which `fileno` is readable after a request."""

    def __init__(self, model: str, detectors: Sequence[Process], check: Callable[[str], object]) -> None:
        """Prepare for swaps. `model`: what detectors start with. `check`: refuses a model that cannot be loaded by any detector."""
        self._model = model
        self._detectors = detectors
        self._check = check
        self._changed = threading.Condition()
        self._wake = Wake()
        self._swaps: dict[int, _Swap] = {}
        self._last = FIRST_MODEL

    # ---- any thread

    def request(self, model: str, within_s: float = LOAD_S) -> SwapReport:
        """Begin a swap, and return its first report. Raises ModelError for a model that is not there, ProcessError while there is
        another swap."""
        self._check(model)
        with self._changed:
            if (busy := self._current()) is not None:
                raise ProcessError(f"a swap to {busy.model} is under way: wait for its end, framehop status shows it")
            self._last += 1
            swap = _Swap(
                number=self._last,
                model=model,
                began_s=time.monotonic(),
                within_s=within_s,
                deadline=Deadline.after(within_s),
            )
            self._swaps[swap.number] = swap
            self._swaps.pop(swap.number - KEPT, None)
            self._wake.ring()
            return self._report(swap)

    def report(self, number: int) -> SwapReport:
        """Return the report of one of the last swaps. Raises ProcessError if there was none of that number."""
        with self._changed:
            return self._report(self._known(number))

    def ended(self, number: int, timeout_s: float) -> bool:
        """Wait for the end of a swap; False when the time is up. Raises ProcessError if there was none of that number."""
        with self._changed:
            swap = self._known(number)
            return self._changed.wait_for(lambda: swap.over, timeout_s)

    def under_way(self) -> SwapReport | None:
        """Return the report of the swap that is under way, None if there is none."""
        with self._changed:
            swap = self._current()
            return None if swap is None else self._report(swap)

    def fileno(self) -> int:
        return self._wake.fileno()

    def _known(self, number: int) -> _Swap:
        if number not in self._swaps:
            raise ProcessError(f"there is no swap {number} here")
        return self._swaps[number]

    def _current(self) -> _Swap | None:
        newest = self._swaps.get(self._last)
        return newest if newest is not None and not newest.over else None

    def _report(self, swap: _Swap) -> SwapReport:
        return SwapReport(
            number=swap.number,
            model=swap.model,
            phase=swap.phase,
            took_s=round((swap.ended_s or time.monotonic()) - swap.began_s, 3),
            states={process.name: swap.state(process.index) for process in self._detectors},
            error=swap.error,
            load_s=swap.within_s,
        )

    # ---- the supervisor's thread

    @property
    def model(self) -> str:
        """The model that a detector starts with."""
        return self._model

    def tend(self, away_s: float = 0.0) -> None:
        """Tell each detector what it is to do, and decide what can be decided. Call this whenever something may have changed.
        `away_s`: for how long the supervisor did not run so far; a detector gets that time too, as it did not run either."""
        self._wake.clear()
        with self._changed:
            swap = self._current()
            if swap is None:
                return
            if swap.phase == "loading" and len(swap.loaded) == len(self._detectors):
                self._model, swap.phase, swap.told_s = swap.model, "switching", {}
            if swap.phase == "loading" and swap.is_late(away_s):
                self._fail(swap, f"{self._loading(swap)} did not load it in time ({swap.within_s:.0f} s)")
            if swap.phase == "switching" and len(swap.switched) == len(self._detectors):
                self._end(swap, "done")
            self._tell(swap)
            if swap.phase == "loading":
                for process in self._detectors:
                    if process.index not in swap.loaded:
                        process.loads_beside()
                self._say_if_slow(swap)

    def _loading(self, swap: _Swap) -> str:
        """Name the detectors that have not loaded the model yet."""
        return ", ".join(process.name for process in self._detectors if process.index not in swap.loaded)

    def _say_if_slow(self, swap: _Swap) -> None:
        now_s = time.monotonic()
        if now_s > swap.began_s + SLOW_LOAD_S and swap.slow.due("", now_s):
            logger.warning(
                "%s: loading and trying %s beside the model that runs, for %.0f s; %.0f s are allowed. Meanwhile detection may "
                "stand still, and if the time runs out all keep the model that they have",
                self._loading(swap),
                swap.model,
                now_s - swap.began_s,
                swap.within_s,
            )

    def _tell(self, swap: _Swap) -> None:
        for process in self._detectors:
            order = swap.order(process.index) if self._current() is swap else None
            if order is not None and swap.is_due(process.index) and _send(process, order):
                swap.told_s[process.index] = time.monotonic()

    def _end(self, swap: _Swap, phase: Literal["done", "failed"], error: str = "") -> None:
        swap.end(phase, error)
        self._changed.notify_all()

    def _fail(self, swap: _Swap, error: str) -> None:
        self._end(swap, "failed", error)
        for process in self._detectors:
            _send(process, CancelSwap(swap.number))

    def hear(self, process: Process, message: SwapLoaded | SwapFailed) -> None:
        """Note what a detector says of the swap; words about another swap come too late to matter."""
        with self._changed:
            swap = self._current()
            if swap is None or swap.phase != "loading" or swap.number != message.number:
                return
            if isinstance(message, SwapLoaded):
                swap.loaded.add(process.index)
            else:
                self._fail(swap, f"{process.name}: {message.message}")

    def runs(self, process: Process, number: int) -> None:
        """Note that a detector answers with the model of this number. A detector that was started after the decision
        begins with the new model."""
        with self._changed:
            swap = self._current()
            if swap is not None and swap.phase == "switching" and number in (swap.number, FIRST_MODEL):
                swap.switched.add(process.index)

    def died(self, process: Process) -> None:
        """Note that a detector died: its successor loads the model again, unless that seems to be what they die of."""
        with self._changed:
            swap = self._current()
            if swap is None or swap.phase != "loading":
                return
            swap.loaded.discard(process.index)
            swap.told_s.pop(process.index, None)
            swap.deaths[process.index] += 1
            if swap.deaths[process.index] >= DEATHS_LIMIT:
                self._fail(
                    swap, f"{process.name} died {DEATHS_LIMIT} times while it loaded the model: see its messages"
                )


def _send(process: Process, message: Message) -> bool:
    return process.ready and process.channel is not None and process.channel.send(message)
