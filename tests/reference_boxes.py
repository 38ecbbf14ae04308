"""Boxes that bare ONNX Runtime finds, by the book of each network."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tests.photographs import Pixels

YOLOX = os.environ.get("FRAMEHOP_TEST_YOLOX", "")
Found = list[tuple[int, float, tuple[float, ...]]]


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
