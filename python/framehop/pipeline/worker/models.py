"""The models of a worker's detector, by the numbers in its replies."""

from __future__ import annotations

import threading

from framehop.pipeline.processes.facts import ModelFacts, read_facts
from framehop.types import Need

SLOW_S = 0.15  # a lane that is busy for so long may wait for a picture to be decoded: that takes a thirtieth of it


class DetectorModels:
    """Looks up what the detector wrote of its models, each once. Used by the main thread, except `known`, `need` and `at_once`,
    which any thread may read.

    `known`: set once there is a model. `need`, `at_once`: those of the detector's newest model, see ModelFacts.
    """

    def __init__(self) -> None:
        self._stem = ""
        self._facts: dict[int, ModelFacts] = {}
        self.known = threading.Event()
        self.need = Need()
        self.at_once = 1
        self._run_s = 0.0

    @property
    def ahead(self) -> int:
        """The number of pictures to keep decoded and not answered, so that a lane that is done finds its next one. With a slow
        network there is none: it would be old when its turn comes. Any thread may read it."""
        return self.at_once if self._run_s > SLOW_S else self.at_once + max(1, self.at_once // 2)

    def follow(self, stem: str, number: int) -> None:
        """Turn to a detector, or hear of another model of the same one. Raises ProcessError."""
        if stem != self._stem:
            self._stem, self._facts = stem, {}
        self.of(number)
        self.known.set()

    def of(self, number: int) -> ModelFacts:
        """Return the facts of a model. Raises ProcessError if the detector has written none: no label may be guessed."""
        if number not in self._facts:
            self._learn(read_facts(self._stem, number))
        return self._facts[number]

    def _learn(self, facts: ModelFacts) -> None:
        self._facts[facts.number] = facts
        if facts.number == max(self._facts):
            self.need, self.at_once, self._run_s = facts.need, facts.at_once, facts.run_s
