"""The engine against a reference that shares nothing with it but the network: NumPy and bare ONNX Runtime."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from framehop._core import decode_jpeg, encode_jpeg
from framehop.inference.engine import Engine, load_model

PICTURES = {"astronaut": "person", "chelsea": "cat", "coffee": "cup", "motorcycle_left": "motorcycle"}
YOLOX = os.environ.get("FRAMEHOP_TEST_YOLOX", "")

Pixels = NDArray[np.uint8]
Found = list[tuple[int, float, tuple[float, ...]]]


def photograph(name: str) -> Pixels:
    """One of scikit-image's pictures, from the installed distribution's own list of files."""
    files = metadata.distribution("scikit-image").files or []
    [path] = [file for file in files if file.as_posix() == f"skimage/data/{name}.png"]
    with Image.open(str(path.locate())) as image:
        return np.asarray(image.convert("RGB"))


def jpeg(name: str) -> bytes:
    return encode_jpeg(photograph(name), quality=90)


def taps(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return where each target pixel's centre falls between two source pixels; edges are clamped."""
    centre = (np.arange(target) + 0.5) * source / target - 0.5
    low = np.floor(centre).astype(np.intp)
    return np.clip(low, 0, source - 1), np.clip(low + 1, 0, source - 1), (centre - low).astype(np.float32)


def bilinear(picture: Pixels, width: int, height: int) -> NDArray[np.float32]:
    top, bottom, down = taps(picture.shape[0], height)
    left, right, along = taps(picture.shape[1], width)
    values = picture.astype(np.float32)
    rows = values[top] * (1 - down)[:, None, None] + values[bottom] * down[:, None, None]
    mixed = rows[:, left] * (1 - along)[None, :, None] + rows[:, right] * along[None, :, None]
    return mixed.astype(np.float32)


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, float(wide)) * max(0.0, float(high))
    areas = sum(float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b))
    return shared / (areas - shared)


@pytest.fixture(scope="module")
def bare() -> onnxruntime.InferenceSession:
    data = load_model("coco-ssd").read()
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(load_model("coco-ssd"), provider="cpu", threads=2, max_batch=3) as built:
        yield built


def reference(session: onnxruntime.InferenceSession, picture: Pixels, source: tuple[int, int]) -> Found:
    """Labels, scores and boxes in source pixels, best first, by the book."""
    scores, boxes = session.run(None, {"image": bilinear(picture, 300, 300)[None]})
    best = scores[0].max(axis=1)
    found: Found = []
    chosen: list[NDArray[np.float32]] = []
    for anchor in sorted(np.flatnonzero(best >= 0.45), key=lambda anchor: -best[anchor]):
        box = boxes[0, anchor, 0][[1, 0, 3, 2]]
        if all(overlap(box, other) <= 0.5 for other in chosen):
            chosen.append(box)
            sides = np.clip(box, 0, 1) * np.array([*source, *source])
            found.append((int(scores[0, anchor].argmax()) + 1, float(best[anchor]), tuple(sides.tolist())))
    return found


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


def yolox_reference(session: onnxruntime.InferenceSession, picture: Pixels) -> Found:
    """Labels, scores and boxes, best first, as YOLOX's authors define them: the picture in the upper left corner, blue first."""
    height, width = picture.shape[:2]
    ratio = min(416 / width, 416 / height)
    canvas = np.full((416, 416, 3), 114, np.float32)
    placed = bilinear(picture, round(width * ratio), round(height * ratio))
    canvas[: placed.shape[0], : placed.shape[1]] = placed
    [[raw]] = session.run(None, {"images": np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1))[None]})
    cells = [
        np.stack([*np.divmod(np.arange((416 // s) ** 2), 416 // s)[::-1], np.full((416 // s) ** 2, s)])
        for s in (8, 16, 32)
    ]
    x, y, stride = np.concatenate(cells, axis=1)
    centre = (raw[:, :2] + np.stack([x, y], axis=1)) * stride[:, None]
    half = np.exp(raw[:, 2:4]) * stride[:, None] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1) / ratio
    scores = raw[:, 4:5] * raw[:, 5:]
    found: Found = []
    for index in np.argsort(-scores.max(axis=1)):
        if scores[index].max() < 0.5:
            break
        if all(overlap(boxes[index], np.array(box, np.float32)) <= 0.5 for _, _, box in found):
            found.append((int(scores[index].argmax()), float(scores[index].max()), tuple(boxes[index].tolist())))
    return found


@pytest.mark.skipif(not YOLOX, reason="FRAMEHOP_TEST_YOLOX does not name a YOLOX-nano .onnx file")
@pytest.mark.parametrize("name", PICTURES)
def test_yolox_by_its_file_alone_equals_the_reference(tmp_path: Path, name: str) -> None:
    """Another family: channels first, BGR, letterbox, one grid output, a fixed batch of one."""
    (tmp_path / "yolox.onnx").write_bytes(Path(YOLOX).read_bytes())
    picture = photograph(name)
    with Engine(load_model(tmp_path / "yolox.onnx"), provider="cpu", threads=2, conf=0.5) as engine:
        [ours] = engine.detect([picture])
        assert engine.labels[int(ours.label_ids[0])] == PICTURES[name]
    theirs = yolox_reference(onnxruntime.InferenceSession(YOLOX, providers=["CPUExecutionProvider"]), picture)
    assert ours.label_ids.tolist() == [label for label, _, _ in theirs]
    sides = np.array([picture.shape[1], picture.shape[0]] * 2)
    np.testing.assert_allclose(ours.scores, [score for _, score, _ in theirs], atol=0.02)
    np.testing.assert_allclose(ours.boxes, np.clip([box for _, _, box in theirs], 0, sides), atol=2.0)
