"""Takes all steps from the outputs of a run to the objects of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ModelError
from framehop.inference.postprocess.boxes import not_empty, to_source
from framehop.inference.postprocess.candidates import Candidates
from framehop.inference.postprocess.heads import make_head
from framehop.inference.postprocess.nms import best, suppressed
from framehop.inference.postprocess.rows import Outputs, Rows, finite
from framehop.inference.postprocess.wanted import Wanted
from framehop.inference.spec import ModelSpec

BAD_OUTPUT = "bad_output"
EVERYTHING = Wanted()


class Objects(NamedTuple):
    """The objects of one picture, best first. `boxes`: float32 [k, 4] in source pixels; `scores`: float32 [k]; `label_ids`:
    int32 [k]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]


NO_OBJECTS = Objects(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


class Postprocessor:
    """A model's head, suppression and limits. Immutable, thread-safe. The steps for a batch: `read` each run's outputs, `keep` of
    all pictures together, `place` each; for one picture `objects` of its rows."""

    def __init__(self, model: ModelSpec, wanted: Wanted = EVERYTHING) -> None:
        self._model = model
        self._wanted = wanted
        self._head = make_head(model.head, model.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs that the head reads."""
        return self._head.outputs

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        """Split the outputs of a run of `count` pictures by picture; see Head.rows. Raises ModelError."""
        return self._head.rows(outputs, count)

    def candidates(self, rows: Rows) -> Candidates:
        """Return the wanted candidates of one picture. `rows`: the picture's, finite. Raises ModelError; see Head.candidates."""
        conf = self._model.score_threshold
        return self._wanted.pick(self._head.candidates(rows, self._wanted.threshold(conf)), conf)

    def read(self, outputs: Outputs, count: int) -> list[Candidates | str]:
        """Return the candidates of each of the `count` pictures of a run, or the reason why its outputs cannot be used: they
        are not finite, or not what the head reads. The reason begins with `bad_output`."""
        try:
            return [self._read(rows) for rows in self.rows(outputs, count)]
        except ModelError as error:
            return [f"{BAD_OUTPUT}: {error}"] * count

    def _read(self, rows: Rows) -> Candidates | str:
        if not finite(rows):
            return BAD_OUTPUT
        try:
            return self.candidates(rows)
        except ModelError as error:
            return f"{BAD_OUTPUT}: {error}"

    def keep(self, found: Sequence[Candidates]) -> list[Candidates]:
        """Return of each picture's candidates those that are objects, best first. One call for many pictures is the fastest."""
        if self._head.suppress:
            return suppressed(found, self._model.nms, self._model.max_objects)
        return [best(one, self._model.max_objects) for one in found]

    def place(
        self,
        kept: Candidates,
        transform: NDArray[np.float64],
        *,
        picture_size: tuple[int, int],
        source_size: tuple[int, int],
    ) -> Objects:
        """Return the objects on their source picture, without those outside. All arguments but `kept` are those of to_source."""
        boxes = to_source(kept.boxes, transform, picture_size=picture_size, source_size=source_size)
        inside = not_empty(boxes)
        return Objects(boxes[inside], kept.scores[inside], kept.label_ids[inside])

    def objects(
        self,
        rows: Rows,
        transform: NDArray[np.float64],
        *,
        picture_size: tuple[int, int],
        source_size: tuple[int, int],
    ) -> Objects:
        """Return the objects of one picture. `rows`: the picture's, finite; the other arguments are those of to_source. Drops
        boxes outside the picture. Raises ModelError if the outputs are not the head's."""
        [kept] = self.keep([self.candidates(rows)])
        return self.place(kept, transform, picture_size=picture_size, source_size=source_size)
