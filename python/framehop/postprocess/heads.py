"""Heads: from a model family's raw outputs to candidate boxes. To add one, put its factory into HEADS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from framehop.errors import ModelError
from framehop.postprocess.candidates import Candidates, HeadOptions, Rows
from framehop.postprocess.ssd import SsdHead
from framehop.postprocess.yolox import YoloxHead


class Head(Protocol):
    """Reads the outputs of one picture. Immutable, thread-safe."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs that it reads."""

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        """All boxes that score at least `threshold`, before suppression. `outputs`: one picture's rows by name, finite.
        Raises ModelError if their shapes are not this head's."""


HEADS: dict[str, Callable[[HeadOptions], Head]] = {"ssd": SsdHead.create, "yolox": YoloxHead.create}


def make_head(name: str, options: HeadOptions) -> Head:
    """The head called `name`. Raises ModelError for an unknown one, and for params that are not its own."""
    if name not in HEADS:
        raise ModelError(
            f"{options.where}: head.name: there is no head {name!r}; there are: {', '.join(sorted(HEADS))}"
        )
    return HEADS[name](options)
