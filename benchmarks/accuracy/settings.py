"""The settings that are compared, and the network run with each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.labels import Box, Sample
from benchmarks.accuracy.scoring import Found
from framehop import decode_jpeg
from framehop.inference.engine import Engine
from framehop.inference.sidecar import Model
from framehop.types import Need

LOWEST = 0.2
_THREADS = 2
_TILED_AT = (0.35, 0.4, 0.45, 0.5, 0.55)


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The settings of a model beside its threshold. `decode`: `scaled` as the pipeline does it, `full` at full size. `tiles`: as
    Engine takes it; empty for none."""

    resize: Literal["stretch", "letterbox", "letterbox-topleft"] = "stretch"
    iou: float = 0.5
    class_agnostic: bool = True
    decode: Literal["scaled", "full"] = "scaled"
    tiles: str = ""

    def __str__(self) -> str:
        across = "all labels" if self.class_agnostic else "each label"
        tiles = f", tiles {self.tiles}" if self.tiles else ""
        return f"{self.resize}, {self.decode} decode, NMS {self.iou:g} over {across}{tiles}"

    @property
    def thresholds(self) -> Sequence[float | None]:
        """Return the thresholds that need runs of their own. Without tiles one run serves for all, None: suppression at a higher
        threshold keeps the same boxes, less the worst. With tiles a weak box may displace the part of a better one."""
        return _TILED_AT if self.tiles else (None,)

    def applied_to(self, model: Model) -> Model:
        """Return `model` with these settings in place of its own."""
        said = model.overrides
        resize = msgspec.structs.replace(said.resize, mode=self.resize)
        nms = msgspec.structs.replace(said.nms, iou=self.iou, class_agnostic=self.class_agnostic)
        return replace(model, overrides=msgspec.structs.replace(said, resize=resize, nms=nms))


def every_settings() -> list[Settings]:
    """Return what is compared. Full size against scaled is looked at with the usual suppression alone."""
    suppressions = [(iou, agnostic) for iou in (0.4, 0.5, 0.6, 0.7) for agnostic in (True, False)]
    return [
        *(
            Settings(resize=resize, iou=iou, class_agnostic=agnostic)
            for resize in ("stretch", "letterbox")
            for iou, agnostic in suppressions
        ),
        Settings(decode="full"),
        Settings(resize="letterbox", decode="full"),
        *(Settings(tiles=tiles) for tiles in ("2x1", "2x1,overlap=0.4", "2x2")),
    ]


def find_with(
    settings: Settings, model: Model, samples: Sequence[Sample], threshold: float | None = None
) -> list[list[Found]]:
    """Return what `model` finds in each picture with these settings; without a threshold down to scores of LOWEST."""
    with Engine(
        settings.applied_to(model),
        provider="cpu",
        threads=_THREADS,
        max_batch=1,
        conf=LOWEST if threshold is None else threshold,
        tiles=settings.tiles,
    ) as engine:
        return find(engine, samples, full=settings.decode == "full")


def find(engine: Engine, samples: Sequence[Sample], *, full: bool = False) -> list[list[Found]]:
    """Return what `engine` finds in each picture, decoded as the pipeline would, or at full size."""
    return [_found(engine, sample, Need() if full else engine.need) for sample in samples]


def _found(engine: Engine, sample: Sample, need: Need) -> list[Found]:
    pixels = decode_jpeg(sample.payload, min_width=need.width, min_height=need.height, fit=need.fit)
    [seen] = engine.detect([pixels], [(sample.picture.width, sample.picture.height)])
    return [
        Found(engine.labels[int(label)], round(float(score), 4), _box(box))
        for label, score, box in zip(seen.label_ids, seen.scores, seen.boxes, strict=True)
    ]


def _box(sides: NDArray[np.float32]) -> Box:
    left, top, right, bottom = (round(float(side), 1) for side in sides)
    return left, top, right, bottom
