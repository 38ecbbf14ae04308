"""One network rewritten into every layout of detectors' outputs: each file alone gives the boxes of the network as it was."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from framehop._core import decode_jpeg
from framehop.inference import load_model, sample_picture
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.recognise import as_yaml
from framehop.inference.spec import ResizeOverrides
from framehop.types import Detections, ResizeMode
from tests.layouts import LAYOUTS
from tests.photographs import photograph
from tests.reference_boxes import overlap

Picture = NDArray[np.uint8]
CONF = 0.45


@cache
def pictures() -> tuple[Picture, ...]:
    return decode_jpeg(sample_picture()), photograph("motorcycle_left"), photograph("chelsea")


@cache
def network(name: str) -> bytes:
    return LAYOUTS[name].make()


@cache
def expected(mode: ResizeMode) -> list[Detections]:
    """Return what the network as it was finds in pictures that are resized in the way of the other family."""
    model = load_model("coco-ssd")
    resize = ResizeOverrides(mode=mode, pad=114.0)
    model = replace(model, overrides=msgspec.structs.replace(model.overrides, resize=resize))
    with Engine(model, EngineOptions(provider="cpu", max_batch=1, conf=CONF)) as engine:
        return engine.detect(pictures())


def write(directory: Path, name: str) -> Path:
    layout = LAYOUTS[name]
    path = directory / "best.onnx"
    path.write_bytes(network(name))
    for beside, text in layout.beside.items():
        (directory / beside).write_text(text)
    if layout.sidecar:
        (directory / "best.yaml").write_text(yaml.safe_dump(dict(layout.sidecar)))
    return path


def assert_same(engine: Engine, mode: ResizeMode) -> None:
    """Assert that the engine finds what the network as it was finds: the same labels, and boxes that overlap by 0.9."""
    names = load_model("coco-ssd").labels
    for ours, theirs in zip(engine.detect(pictures()), expected(mode), strict=True):
        assert ours.error == ""
        found = [engine.labels[label] for label in ours.label_ids.tolist()]
        assert found == [names[label] for label in theirs.label_ids.tolist()]
        assert all(overlap(*pair) >= 0.9 for pair in zip(ours.boxes, theirs.boxes, strict=True))
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)


def engine_of(path: Path) -> Engine:
    return Engine(load_model(path), EngineOptions(provider="cpu", threads=1, max_batch=1, conf=CONF))


def test_the_reference_finds_something() -> None:
    for mode in get_args(ResizeMode):
        assert all(len(found.boxes) for found in expected(mode))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_file_alone_finds_the_same_objects_and_so_it_does_with_the_sidecar_written_for_it(
    tmp_path: Path, name: str
) -> None:
    layout, path = LAYOUTS[name], write(tmp_path, name)
    with engine_of(path) as engine:
        plan, spec = engine.plan, engine.plan.spec
        assert (type(spec.head).__struct_config__.tag, spec.resize.mode) == (layout.head, layout.resize)
        assert_same(engine, layout.resize)
    (tmp_path / "best.yaml").write_text(as_yaml(plan))
    for beside in layout.beside:
        (tmp_path / beside).unlink()
    with engine_of(path) as engine:
        assert engine.plan.spec == plan.spec
        assert {reason.why for reason in engine.plan.reasons if reason.key.startswith("head")} == {"best.yaml says so"}
        assert_same(engine, layout.resize)
