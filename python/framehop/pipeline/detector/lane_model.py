"""A loaded model with a detector for each lane."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from framehop.inference.engine import Engine
from framehop.protocols import Detector

_REHEARSALS = 4  # runs of each lane, so that they meet at different points of a run


@dataclass(frozen=True, slots=True)
class LaneModel:
    """One model. `detectors`: one per lane, each used by its lane's thread alone. `runs`: how many pictures the network sees for
    one at most, as with tiles. `batch_s`: seconds that the largest batch took in the first lane when it was made, on the CPU;
    0 elsewhere, where the first batch may wait for minutes until an engine is built."""

    detectors: tuple[Detector, ...]
    runs: int = 1
    batch_s: float = 0.0

    @classmethod
    def of(cls, engine: Engine, lanes: int) -> Self:
        """Make the lanes of `engine`, which is the first of them, and let them rehearse. Closes it if that fails."""
        detectors = [engine]
        try:
            while len(detectors) < lanes:
                detectors.append(engine.lane())
            _rehearse(detectors)
        except BaseException:
            cls(tuple(detectors)).close()
            raise
        return cls(tuple(detectors), engine.runs_per_picture, engine.batch_s if engine.info.provider == "cpu" else 0.0)

    @property
    def pictures(self) -> int:
        """The pictures that a lane takes at once."""
        return max(1, self.detectors[0].max_batch // self.runs)

    def close(self) -> None:
        """Close every lane; the network is freed with the last. Closing twice is harmless."""
        for detector in self.detectors:
            detector.close()


def _rehearse(engines: Sequence[Engine]) -> None:
    """Run all lanes at once. The runtime keeps the memory of runs, and a detector that lacks it should not find out under load."""
    if len(engines) > 1:
        with ThreadPoolExecutor(len(engines)) as pool:
            for _ in pool.map(_rehearse_alone, engines):
                pass


def _rehearse_alone(engine: Engine) -> None:
    for _ in range(_REHEARSALS):
        engine.rehearse()
