"""Lays the same objects out as each family of detectors would give them, from the definition of the family's output. Every layout
has an inverse of its own here, in plain numbers, box by box; the heads are not used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from framehop.inference import head_specs as specs

WIDTH, HEIGHT, CLASSES = 144, 80, 4  # sides that a stride of 32 does not divide
NEVER = -30.0  # the logit of a score of zero
CERTAIN = 0.98  # the class score beside an objectness


class Thing(NamedTuple):
    """An object in pixels of the input."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: int
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def size(self) -> tuple[float, float]:
        return self.x2 - self.x1, self.y2 - self.y1


Values = NDArray[np.generic]
Picture = dict[str, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A family. `encode` gives one picture's outputs without the batch axis. `logits`: its scores cannot exceed 1, whatever the
    numbers. `suppress`: whether its boxes need suppression."""

    spec: specs.HeadSpec
    encode: Callable[[Sequence[Thing]], Picture]
    suppress: bool
    logits: bool = False


def floats(rows: Sequence[Sequence[float]], columns: int) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, columns)


def one_hot(thing: Thing, value: float, rest: float = 0.0, columns: int = CLASSES) -> list[float]:
    return [value if kind == thing.kind else rest for kind in range(columns)]


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def corner_pixels(thing: Thing) -> list[float]:
    return [thing.x1, thing.y1, thing.x2, thing.y2]


def corner_shares(thing: Thing) -> list[float]:
    return [thing.x1 / WIDTH, thing.y1 / HEIGHT, thing.x2 / WIDTH, thing.y2 / HEIGHT]


def rows_first_shares(thing: Thing) -> list[float]:
    return [thing.y1 / HEIGHT, thing.x1 / WIDTH, thing.y2 / HEIGHT, thing.x2 / WIDTH]


def centre_pixels(thing: Thing) -> list[float]:
    return [*thing.centre, *thing.size]


def centre_shares(thing: Thing) -> list[float]:
    (x, y), (width, height) = thing.centre, thing.size
    return [x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT]


# ---------------------------------------------------------------- raw, one row per anchor


def filled(rows: list[list[float]], columns: int, anchors: int) -> NDArray[np.float32]:
    """The rows among anchors without an object, which all are zero."""
    table = np.zeros((anchors, columns), np.float32)
    table[3 : 3 + len(rows)] = floats(rows, columns)
    return table


def yolov8(things: Sequence[Thing]) -> Picture:
    return {"o": filled([[*centre_pixels(t), *one_hot(t, t.score)] for t in things], 4 + CLASSES, 42).T}


def yolov5(things: Sequence[Thing]) -> Picture:
    rows = [[*centre_pixels(t), t.score / CERTAIN, *one_hot(t, CERTAIN)] for t in things]
    return {"o": filled(rows, 5 + CLASSES, 126)}


def ssd(things: Sequence[Thing]) -> Picture:
    boxes = filled([rows_first_shares(t) for t in things], 4, 20)
    return {"s": filled([one_hot(t, t.score) for t in things], CLASSES, 20), "b": boxes[:, None]}


def nas(things: Sequence[Thing]) -> Picture:
    boxes = filled([corner_pixels(t) for t in things], 4, 20)
    return {"s": filled([one_hot(t, t.score) for t in things], CLASSES, 20), "b": boxes}


def nas_with_classes_first(things: Sequence[Thing]) -> Picture:
    rows = nas(things)
    return {"s": rows["s"].T, "b": rows["b"]}


def ssd_with_background(things: Sequence[Thing]) -> Picture:
    """Scores of a softmax: each row sums to 1, and most of an empty one is background."""
    scores = np.tile(floats([[1, 0, 0, 0, 0]], 1 + CLASSES), (20, 1))
    for row, t in enumerate(things):
        scores[row] = [1 - t.score, *one_hot(t, t.score)]
    return {"s": scores, "b": filled([corner_shares(t) for t in things], 4, 23)[3:]}


def yxyx_in_an_axis_more(things: Sequence[Thing]) -> Picture:
    boxes = filled([[t.y1, t.x1, t.y2, t.x2] for t in things], 4, 20)
    return {"s": filled([one_hot(t, t.score) for t in things], CLASSES, 20), "b": boxes[:, None]}


def queries(things: Sequence[Thing], logits: Callable[[Thing], list[float]], empty: list[float]) -> NDArray[np.float32]:
    return floats([*map(logits, things), *[empty] * (10 - len(things))], len(empty))


def query_boxes(things: Sequence[Thing]) -> NDArray[np.float32]:
    return floats([*map(centre_shares, things), *[[0.5, 0.5, 1, 1]] * (10 - len(things))], 4)


def detr_sigmoid(things: Sequence[Thing]) -> Picture:
    logits = queries(things, lambda t: one_hot(t, logit(t.score), NEVER), [NEVER] * CLASSES)
    return {"logits": logits, "pred_boxes": query_boxes(things)}


def detr_softmax(things: Sequence[Thing]) -> Picture:
    """Logits up to a constant, here 7: the last column is "no object"."""
    logits = queries(
        things,
        lambda t: (
            [7 + math.log(t.score) if kind == t.kind else NEVER for kind in range(CLASSES)]
            + [7 + math.log(1 - t.score)]
        ),
        [NEVER] * CLASSES + [7.0],
    )
    return {"logits": logits, "pred_boxes": query_boxes(things)}


def rfdetr(things: Sequence[Thing]) -> Picture:
    """The last column is larger than all others, and means nothing."""
    logits = queries(things, lambda t: [*one_hot(t, logit(t.score), NEVER), 9.0], [*[NEVER] * CLASSES, 9.0])
    return {"labels": logits, "dets": query_boxes(things)}


# ---------------------------------------------------------------- raw, one cell per place


def sides(stride: int, *, up: bool) -> tuple[int, int]:
    """Columns and rows of a grid."""
    if up:
        return math.ceil(WIDTH / stride), math.ceil(HEIGHT / stride)
    return WIDTH // stride, HEIGHT // stride


def yolox(things: Sequence[Thing]) -> Picture:
    """The i-th object lies in the i-th grid: offset of the centre and log of the size, in cells."""
    grids = []
    for i, stride in enumerate((8, 16, 32)):
        columns, rows = sides(stride, up=False)
        cells = np.zeros((rows, columns, 5 + CLASSES), np.float32)
        for t in things[i : i + 1]:
            (x, y), (width, height) = t.centre, t.size
            column, row = int(x // stride), int(y // stride)
            box = [x / stride - column, y / stride - row, math.log(width / stride), math.log(height / stride)]
            cells[row, column] = [*box, t.score / CERTAIN, *one_hot(t, CERTAIN)]
        grids.append(cells.reshape(-1, 5 + CLASSES))
    return {"o": np.concatenate(grids)}


BINS = 8


def distribution(distance: float) -> list[float]:
    """Logits of shares whose mean is `distance`: all between its two neighbours."""
    low = min(int(distance), BINS - 2)
    logits = [NEVER] * BINS
    logits[low : low + 2] = [math.log(max(low + 1 - distance, 1e-12)), math.log(max(distance - low, 1e-12))]
    return logits


def dfl(centre_of: Callable[[int, int], float], strides: Sequence[int]) -> Callable[[Sequence[Thing]], Picture]:
    """All objects in the grids whose distances reach: the first two in that of stride 8, the third in that of 16."""

    def encode(things: Sequence[Thing]) -> Picture:
        outputs: Picture = {}
        for stride in strides:
            columns, rows = sides(stride, up=True)
            scores = np.zeros((rows, columns, CLASSES), np.float32)
            boxes = np.zeros((rows, columns, 4 * BINS), np.float32)
            for t in {8: things[:2], 16: things[2:]}.get(stride, ()):
                column, row = int(t.centre[0] // stride), int(t.centre[1] // stride)
                x, y = centre_of(column, stride), centre_of(row, stride)
                scores[row, column] = one_hot(t, t.score)
                distances = [x - t.x1, y - t.y1, t.x2 - x, t.y2 - y]
                boxes[row, column] = [part for each in distances for part in distribution(each / stride)]
            outputs[f"s{stride}"] = scores.reshape(-1, CLASSES)
            outputs[f"b{stride}"] = boxes.reshape(-1, 4 * BINS)
        return outputs

    return encode


def nanodet(
    variant: Literal["nanodet", "nanodet-plus", "picodet"],
    strides: tuple[int, ...],
    centre_of: Callable[[int, int], float],
) -> Layout:
    scores, boxes = tuple(f"s{stride}" for stride in strides), tuple(f"b{stride}" for stride in strides)
    spec = specs.NanodetSpec(scores=scores, boxes=boxes, strides=strides, variant=variant)
    return Layout(spec=spec, encode=dfl(centre_of, strides), suppress=True)


def fastestdet(things: Sequence[Thing]) -> Picture:
    """One map of stride 16. Equal objectness and class score give that score, as the exponents sum to 1."""
    columns, rows = sides(16, up=False)
    cells = np.zeros((5 + CLASSES, rows, columns), np.float32)
    for t in things:
        (x, y), (width, height) = t.centre, t.size
        column, row = int(x // 16), int(y // 16)
        offset = math.atanh(x / 16 - column), math.atanh(y / 16 - row)
        cells[:, row, column] = [t.score, *offset, logit(width / WIDTH), logit(height / HEIGHT), *one_hot(t, t.score)]
    return {"o": cells}


# ---------------------------------------------------------------- finished boxes


def six(box: Callable[[Thing], list[float]], *, padding: int = 2) -> Callable[[Sequence[Thing]], Picture]:
    rest = [[0.0] * 6] * padding
    return lambda things: {"o": floats([[*box(t), t.score, t.kind] for t in things] + rest, 6)}


def paddle(things: Sequence[Thing]) -> Picture:
    return {"o": floats([[t.kind, t.score, *corner_pixels(t)] for t in things], 6)}


def efficientdet(things: Sequence[Thing]) -> Picture:
    """A number of the picture, which means nothing here, and y before x."""
    return {"o": floats([[9, t.y1, t.x1, t.y2, t.x2, t.score, t.kind] for t in things], 7)}


def centernet(things: Sequence[Thing]) -> Picture:
    return {"o": floats([[*(side / 4 for side in corner_pixels(t)), t.score, t.kind] for t in things], 6)}


def yolov7_end_to_end(things: Sequence[Thing]) -> Picture:
    """Rows without column 0, the picture's index, which `stack` puts in."""
    return {"o": floats([[*corner_pixels(t), t.kind, t.score] for t in things], 6)}


def yolo_nas_flat(things: Sequence[Thing]) -> Picture:
    """Rows without column 0, the picture's index, which `stack` puts in."""
    return {"o": floats([[*corner_pixels(t), t.score, t.kind] for t in things], 6)}


def rtdetr(things: Sequence[Thing]) -> Picture:
    return {
        "labels": np.array([t.kind for t in things], np.int64),
        "boxes": floats([corner_pixels(t) for t in things], 4),
        "scores": np.array([t.score for t in things], np.float32),
    }


def rtdetr_in_columns(things: Sequence[Thing]) -> Picture:
    """Lists of one number each, in shares, as of older DeepStream-Yolo, among anchors without an object."""
    boxes = filled([centre_shares(t) for t in things], 4, 20)
    return {
        "labels": filled([[t.kind] for t in things], 1, 20),
        "boxes": boxes,
        "scores": filled([[t.score] for t in things], 1, 20),
    }


def mmdeploy(things: Sequence[Thing]) -> Picture:
    """Boxes filled up by a row with the label -1, whose score is not zero."""
    rows = [[*corner_pixels(t), t.score] for t in things]
    return {"dets": floats([*rows, [0, 0, 9, 9, 0.99]], 5), "labels": np.array([*(t.kind for t in things), -1])}


def efficient_nms(things: Sequence[Thing]) -> Picture:
    """The rows behind the count are left over, and mean nothing."""
    return {
        "num_dets": np.array([len(things)], np.int32),
        "det_boxes": floats([*map(corner_pixels, things), [1, 1, 9, 9]], 4),
        "det_scores": np.array([*(t.score for t in things), 0.99], np.float32),
        "det_classes": np.array([*(t.kind for t in things), 1], np.int32),
    }


def tensorflow(things: Sequence[Thing]) -> Picture:
    """All outputs are floats, and the count has no axis of its own."""
    return {
        "num_detections": np.array(len(things), np.float32),
        "detection_boxes": floats([*map(rows_first_shares, things), [0, 0, 1, 1]], 4),
        "detection_scores": np.array([*(t.score for t in things), 0.99], np.float32),
        "detection_classes": np.array([*(t.kind for t in things), 1], np.float32),
    }


def stack(layout: Layout, pictures: Sequence[Sequence[Thing]]) -> dict[str, Values]:
    """The outputs of a batch. Pictures of a family that gives finished boxes are filled up to the same number of rows."""
    encoded = [layout.encode(things) for things in pictures]
    if isinstance(layout.spec, specs.Rows7Spec):
        rows = [np.insert(one["o"], 0, i, axis=1) for i, one in enumerate(encoded)]
        return {"o": np.concatenate(rows)}
    return {name: np.stack([fill(one[name], most(encoded, name)) for one in encoded]) for name in encoded[0]}


def most(encoded: Sequence[Picture], name: str) -> tuple[int, ...]:
    return tuple(max(sides) for sides in zip(*(one[name].shape for one in encoded), strict=True))


def fill(values: Values, shape: tuple[int, ...]) -> Values:
    if values.shape == shape:
        return values
    return np.pad(values, [(0, wants - has) for has, wants in zip(values.shape, shape, strict=True)])


LAYOUTS = {
    "ssd": Layout(spec=specs.SsdSpec(scores="s", boxes="b"), encode=ssd, suppress=True),
    "yolox": Layout(spec=specs.YoloxSpec(output="o"), encode=yolox, suppress=True),
    "yolov8": Layout(spec=specs.Yolov8Spec(output="o"), encode=yolov8, suppress=True),
    "yolov5": Layout(spec=specs.Yolov5Spec(output="o"), encode=yolov5, suppress=True),
    "rows": Layout(spec=specs.RowsSpec(output="o"), encode=six(corner_pixels), suppress=False),
    "rows of deepstream": Layout(
        spec=specs.RowsSpec(output="o", nms=True), encode=six(corner_pixels, padding=40), suppress=True
    ),
    "rows of rtdetr": Layout(
        spec=specs.RowsSpec(output="o", box="cxcywh", normalised=True), encode=six(centre_shares), suppress=False
    ),
    "rows of paddle": Layout(spec=specs.RowsSpec(output="o", columns="class-score-box"), encode=paddle, suppress=False),
    "rows7": Layout(spec=specs.Rows7Spec(output="o"), encode=yolov7_end_to_end, suppress=False),
    "rows7 of yolo-nas": Layout(
        spec=specs.Rows7Spec(output="o", columns="score-class"), encode=yolo_nas_flat, suppress=False
    ),
    "rows of efficientdet": Layout(
        spec=specs.RowsSpec(output="o", columns="image-box-score-class", box="yxyx"),
        encode=efficientdet,
        suppress=False,
    ),
    "rtdetr in columns": Layout(
        spec=specs.RtdetrSpec(box="cxcywh", normalised=True, nms=True), encode=rtdetr_in_columns, suppress=True
    ),
    "rtdetr": Layout(spec=specs.RtdetrSpec(), encode=rtdetr, suppress=False),
    "detr sigmoid": Layout(spec=specs.DetrSpec(), encode=detr_sigmoid, suppress=False, logits=True),
    "detr softmax": Layout(spec=specs.DetrSpec(scores="softmax"), encode=detr_softmax, suppress=False, logits=True),
    "rfdetr": Layout(spec=specs.RfdetrSpec(), encode=rfdetr, suppress=False, logits=True),
    "mmdeploy": Layout(spec=specs.MmdeploySpec(), encode=mmdeploy, suppress=False),
    "efficientnms": Layout(spec=specs.EfficientNmsSpec(), encode=efficient_nms, suppress=False),
    "tf": Layout(spec=specs.TfSpec(), encode=tensorflow, suppress=False),
    "boxes-scores": Layout(spec=specs.BoxesScoresSpec(scores="s", boxes="b"), encode=nas, suppress=True),
    "boxes-scores with classes first": Layout(
        spec=specs.BoxesScoresSpec(scores="s", boxes="b", classes_first=True),
        encode=nas_with_classes_first,
        suppress=True,
    ),
    "boxes-scores with background": Layout(
        spec=specs.BoxesScoresSpec(scores="s", boxes="b", normalised=True, background=True),
        encode=ssd_with_background,
        suppress=True,
    ),
    "boxes-scores yxyx": Layout(
        spec=specs.BoxesScoresSpec(scores="s", boxes="b", box="yxyx"), encode=yxyx_in_an_axis_more, suppress=True
    ),
    "nanodet": nanodet("nanodet", (8, 16, 32), lambda cell, stride: cell * stride + (stride - 1) / 2),
    "nanodet-plus": nanodet("nanodet-plus", (8, 16, 32, 64), lambda cell, stride: cell * stride),
    "picodet": nanodet("picodet", (8, 16, 32, 64), lambda cell, stride: (cell + 0.5) * stride),
    "fastestdet": Layout(spec=specs.FastestdetSpec(output="o"), encode=fastestdet, suppress=True),
    "centernet": Layout(spec=specs.CenternetSpec(output="o", stride=4), encode=centernet, suppress=False),
}
