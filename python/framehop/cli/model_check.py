"""The doctor's check of a model: its sidecar, and one run of its network on a picture with objects."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from framehop._core import decode_jpeg
from framehop.config.detect_options import DetectOptions, engine_options
from framehop.errors import FramehopError, MissingExtraError
from framehop.inference import sample_picture
from framehop.inference.engine import Engine, load_model
from framehop.types import Detections

Verdict = Literal["ok", "note", "problem"]
_SHOWN = 3
_SAME_PIXELS, _SAME_SCORE = 2.0, 0.02  # a GPU sums in another order in another batch


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    topic: str
    verdict: Verdict
    text: str


def check_model(options: DetectOptions) -> Iterator[Check]:
    """Check that the model can be used here, and what it finds. A runtime that is not installed is not mentioned."""
    try:
        model = load_model(options.model)
        pinned = "as pinned" if model.overrides.sha256 else "not pinned by a sidecar"
        yield Check("model", "ok", f"{model.name} {model.version}, sha256 {model.sha256[:16]}… {pinned}")
        with Engine(model, engine_options(options)) as engine:
            yield Check("family", "ok", f"{engine.plan.family}; framehop model inspect says what was chosen, and why")
            if options.tiles:
                yield _tiles(engine, options.slot_bytes)
            if engine.one_by_one and options.max_batch > 1:
                yield Check("batch", "note", "the network takes one picture at a time: a larger batch is not faster")
            yield _run(engine)
    except MissingExtraError:
        return
    except FramehopError as error:
        yield Check("model", "problem", str(error))


def _run(engine: Engine) -> Check:
    """Run a full batch that alternates a picture and its mirror image. Each must give the same objects as when run alone."""
    picture = decode_jpeg(sample_picture())
    pair = [picture, np.ascontiguousarray(picture[:, ::-1])]
    alone = [engine.detect([view])[0] for view in pair]
    began = time.perf_counter()
    together = engine.detect([pair[index % 2] for index in range(engine.max_batch)])
    took_ms = (time.perf_counter() - began) * 1000
    if any(found.error for found in alone):
        return Check("network", "problem", "its outputs hold NaN or infinity for the picture of an astronaut")
    if not all(_same(alone[index % 2], found) for index, found in enumerate(together)):
        return Check("network", "problem", "it finds other boxes in a batch than in one picture: use --max-batch 1")
    pictures = f"{engine.max_batch} pictures in {took_ms:.0f} ms" if engine.max_batch > 1 else f"{took_ms:.0f} ms"
    return Check("network", "ok", f"{engine.info.provider}, {pictures}; {_found(engine, alone[0])}")


def _tiles(engine: Engine, slot_bytes: int) -> Check:
    """Say what tiles cost, and whether the pictures that they need fit the ring."""
    need = engine.need
    needed = need.width * need.height * 3
    cost = f"{engine.runs_per_picture} runs of the network per picture, of {need.width} x {need.height} pixels or more"
    if needed > slot_bytes:
        return Check("tiles", "note", f"{cost}: they need at least --slot-mib {math.ceil(needed / (1 << 20))}")
    return Check("tiles", "ok", cost)


def _same(one: Detections, other: Detections) -> bool:
    return (
        one.label_ids.tolist() == other.label_ids.tolist()
        and np.allclose(one.boxes, other.boxes, atol=_SAME_PIXELS)
        and np.allclose(one.scores, other.scores, atol=_SAME_SCORE)
    )


def _found(engine: Engine, result: Detections) -> str:
    named = [
        f"{engine.labels.get(label, str(label))} {score:.2f}"
        for label, score in zip(result.label_ids.tolist(), result.scores.tolist(), strict=True)
    ]
    return f"it finds {', '.join(named[:_SHOWN]) or 'nothing'} in the picture of an astronaut"
