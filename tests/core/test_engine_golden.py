"""The engine against a reference that shares nothing with it but the network: NumPy and bare ONNX Runtime."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from framehop._core import decode_jpeg, encode_jpeg
from framehop.inference.engine import Engine, EngineOptions, load_model
from tests.photographs import PICTURES, photograph
from tests.reference_boxes import YOLOX, reference, yolox_reference


def jpeg(name: str) -> bytes:
    return encode_jpeg(photograph(name), quality=90)


@pytest.fixture(scope="module")
def bare() -> onnxruntime.InferenceSession:
    data = load_model("coco-ssd").read()
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(load_model("coco-ssd"), EngineOptions(provider="cpu", threads=2, max_batch=3)) as built:
        yield built


def compare(engine: Engine, session: onnxruntime.InferenceSession, data: bytes, *, minimum: int) -> None:
    with Image.open(io.BytesIO(data)) as header:
        source = header.size
    picture = decode_jpeg(data, min_width=minimum, min_height=minimum)
    [ours] = engine.detect([picture], [source])
    theirs = reference(session, picture, source)
    assert ours.label_ids.tolist() == [label for label, _, _ in theirs]
    np.testing.assert_allclose(ours.scores, [score for _, score, _ in theirs], atol=0.02)
    np.testing.assert_allclose(ours.boxes, [box for _, _, box in theirs], atol=2.0)


@pytest.mark.parametrize(("name", "label"), PICTURES.items())
def test_the_thing_in_the_picture_is_found(engine: Engine, name: str, label: str) -> None:
    [found] = engine.detect([decode_jpeg(jpeg(name))])
    assert engine.labels[int(found.label_ids[0])] == label


@pytest.mark.parametrize("name", PICTURES)
def test_full_size_equals_the_reference(engine: Engine, bare: onnxruntime.InferenceSession, name: str) -> None:
    compare(engine, bare, jpeg(name), minimum=0)


@pytest.mark.parametrize("name", ["astronaut", "motorcycle_left"])
def test_decoded_smaller_equals_the_reference(engine: Engine, bare: onnxruntime.InferenceSession, name: str) -> None:
    data = jpeg(name)
    assert max(decode_jpeg(data, min_width=240, min_height=240).shape) < max(decode_jpeg(data).shape)
    compare(engine, bare, data, minimum=240)


def test_a_batch_finds_what_single_pictures_find(engine: Engine) -> None:
    pictures = [photograph(name) for name in PICTURES]
    alone = [engine.detect([picture])[0] for picture in pictures]
    together = engine.detect(pictures)
    assert [found.timings.batch_size for found in together] == [3, 3, 3, 1]
    for one, many in zip(alone, together, strict=True):
        assert one.label_ids.tolist() == many.label_ids.tolist()
        np.testing.assert_allclose(one.boxes, many.boxes, atol=0.1)


@pytest.mark.skipif(not YOLOX, reason="FRAMEHOP_TEST_YOLOX does not name a YOLOX-nano .onnx file")
@pytest.mark.parametrize("name", PICTURES)
def test_yolox_by_its_file_alone_equals_the_reference(tmp_path: Path, name: str) -> None:
    """Another family: channels first, BGR, letterbox, one grid output, a fixed batch of one."""
    (tmp_path / "yolox.onnx").write_bytes(Path(YOLOX).read_bytes())
    picture = photograph(name)
    with Engine(load_model(tmp_path / "yolox.onnx"), EngineOptions(provider="cpu", threads=2, conf=0.5)) as engine:
        [ours] = engine.detect([picture])
        assert engine.labels[int(ours.label_ids[0])] == PICTURES[name]
    theirs = yolox_reference(onnxruntime.InferenceSession(YOLOX, providers=["CPUExecutionProvider"]), picture)
    assert ours.label_ids.tolist() == [label for label, _, _ in theirs]
    sides = np.array([picture.shape[1], picture.shape[0]] * 2)
    np.testing.assert_allclose(ours.scores, [score for _, score, _ in theirs], atol=0.02)
    np.testing.assert_allclose(ours.boxes, np.clip([box for _, _, box in theirs], 0, sides), atol=2.0)
