"""The pictures as a network gets them, and its outputs as boxes: framehop's own steps on both sides of every variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labels import Sample
from benchmarks.accuracy.scoring import Found
from benchmarks.accuracy.settings import LOWEST
from benchmarks.whole_worker.workload import pictures as pans
from framehop import decode_jpeg
from framehop.inference import Network
from framehop.inference.postprocess import Postprocessor, Wanted
from framehop.inference.preprocess import InputTensor
from framehop.inference.recognise import recognise
from framehop.inference.sidecar import Model
from framehop.types import Need

CALIBRATION = 64  # views of four pictures
_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture as the network gets it. `size`: (width, height) of the pixels that were resized."""

    tensor: NDArray[np.generic]
    transform: NDArray[np.float64]
    size: tuple[int, int]


class Pictures:
    """A model's two ends. Raises what reading a model raises."""

    def __init__(self, model: Model) -> None:
        with Network.open(model, 1) as network:
            self.spec = spec = recognise(network, model).spec
        self.post = Postprocessor(spec, Wanted(conf=LOWEST))
        self._tensor = InputTensor(spec.input, spec.resize, max_batch=1)
        self._need = Need(width=spec.input.width, height=spec.input.height, fit=spec.resize.mode)

    def prepare(self, payload: bytes) -> Prepared:
        """Decode, resize and normalise a JPEG as the pipeline does."""
        need = self._need
        pixels = decode_jpeg(payload, min_width=need.width, min_height=need.height, fit=need.fit)
        batch, transforms = self._tensor.fill([pixels])
        return Prepared(batch[0].copy(), transforms[0].copy(), (pixels.shape[1], pixels.shape[0]))

    def calibration(self, path: Path) -> Path:
        """Write the tensors by which the ranges of a quantised network are chosen."""
        views = islice(pans(4, *_SIZE), CALIBRATION)
        np.save(path, np.stack([self.prepare(view).tensor for view in views]))
        return path

    def found(self, outputs: Path, samples: Sequence[Sample], prepared: Sequence[Prepared]) -> list[list[Found]]:
        """Return the objects in each picture from a file of a run's outputs."""
        with np.load(outputs) as file:
            whole = {name: file[name] for name in file}  # each look at the file reads it anew
        rows = [{name: whole[name][place : place + 1] for name in whole} for place in range(len(samples))]
        return [self._found(*each) for each in zip(rows, samples, prepared, strict=True)]

    def _found(self, outputs: dict[str, NDArray[np.float32]], sample: Sample, prepared: Prepared) -> list[Found]:
        [rows] = self.post.rows(outputs, 1)
        size = (sample.picture.width, sample.picture.height)
        boxes, scores, labels = self.post.objects(
            rows, prepared.transform, picture_size=prepared.size, source_size=size
        )
        return [
            Found(self.spec.labels.get(label, str(label)), score, (box[0], box[1], box[2], box[3]))
            for box, score, label in zip(boxes.tolist(), scores.tolist(), labels.tolist(), strict=True)
        ]
