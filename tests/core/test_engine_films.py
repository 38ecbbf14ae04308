"""The engine on pictures out of films, against bare ONNX Runtime and NumPy on the same decoded picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import onnxruntime
import pytest

from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.sources.demo import demo_sources
from framehop.types import Detections
from tests.photographs import Pixels
from tests.reference_boxes import YOLOX, Found, reference, yolox_reference

PIXELS, SCORE = 2.0, 0.02
EVERY = 25
FILMS = [Path(name) for name in os.environ.get("FRAMEHOP_TEST_FILMS", "").split(os.pathsep) if name]
NO_FILMS = "FRAMEHOP_TEST_FILMS does not name films, separated by colons"
NO_YOLOX = "FRAMEHOP_TEST_YOLOX does not name a YOLOX-nano .onnx file"


class Case(NamedTuple):
    """A model, the least score that its reference draws, and its reference."""

    model: str
    conf: float
    look: Callable[[onnxruntime.InferenceSession, Pixels], Found]


def look_by_ssd(session: onnxruntime.InferenceSession, picture: Pixels) -> Found:
    return reference(session, picture, (picture.shape[1], picture.shape[0]))


def look_by_yolox(session: onnxruntime.InferenceSession, picture: Pixels) -> Found:
    """A box is cut at the picture's edge; the reference leaves it as it is."""
    sides = np.array([picture.shape[1], picture.shape[0]] * 2)
    found = yolox_reference(session, picture)
    return [(label, score, tuple(np.clip(box, 0, sides).tolist())) for label, score, box in found]


CASES = [
    pytest.param(Case("coco-ssd", 0.45, look_by_ssd), id="coco-ssd"),
    pytest.param(Case(YOLOX, 0.5, look_by_yolox), id="yolox", marks=pytest.mark.skipif(not YOLOX, reason=NO_YOLOX)),
]


def pictures_of(film: Path) -> Iterator[Pixels]:
    """Decode a film by FFmpeg alone, and yield a picture a second or so, with its rows one after another."""
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % EVERY == 0:
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


@cache
def bare(model: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(load_model(model).read(), providers=["CPUExecutionProvider"])


def objects(found: Detections) -> Found:
    return [
        (int(label), float(score), tuple(box))
        for label, score, box in zip(found.label_ids, found.scores, found.boxes.tolist(), strict=True)
    ]


def unmatched(ours: Found, theirs: Found, least: float) -> Found:
    """Return those of `ours` that score `least` and that `theirs` lacks."""
    return [one for one in ours if one[1] >= least and not any(same(one, other) for other in theirs)]


def same(one: tuple[int, float, tuple[float, ...]], other: tuple[int, float, tuple[float, ...]]) -> bool:
    return (
        one[0] == other[0]
        and abs(one[1] - other[1]) <= SCORE
        and bool(np.abs(np.subtract(one[2], other[2])).max() <= PIXELS)
    )


def compare(case: Case, film: Path) -> None:
    """Assert that both find the same in every picture, give or take scores that are just at the threshold."""
    seen = 0
    with Engine(
        load_model(case.model), EngineOptions(provider="cpu", threads=2, max_batch=1, conf=case.conf)
    ) as engine:
        for picture in pictures_of(film):
            ours = objects(engine.detect([picture])[0])
            theirs = case.look(bare(case.model), picture)
            assert unmatched(ours, theirs, case.conf + SCORE) == []
            assert unmatched(theirs, ours, case.conf + SCORE) == []
            seen += len(theirs)
    assert seen > 0, "a film in which nothing is found shows nothing"


@pytest.mark.parametrize("case", CASES)
def test_the_demos_film_equals_the_reference(case: Case) -> None:
    compare(case, Path(demo_sources()[0].source))


@pytest.mark.skipif(not FILMS, reason=NO_FILMS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.name)
def test_other_films_equal_the_reference(case: Case, film: Path) -> None:
    compare(case, film)
