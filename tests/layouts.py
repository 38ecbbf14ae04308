"""Every layout of detectors' outputs that framehop reads, each as the built-in network rewritten to it: see tests/rewritten.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from framehop.inference import load_model
from framehop.types import ResizeMode
from tests.rewritten import ANCHORS, CLASSES, SIDE, Graph, Picture

STRIDES = (8, 16, 32)
GRID = sum((SIDE // stride) ** 2 for stride in STRIDES)
QUERIES = 300

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
PLAIN = Picture()
IMAGENET = Picture(scale=1 / 255 / STD, bias=-MEAN / STD)
NANODET = Picture(
    blue_first=True,
    scale=1 / np.array([57.375, 57.12, 58.395]),
    bias=-np.array([103.53, 116.28, 123.675]) / np.array([57.375, 57.12, 58.395]),
)
YOLOX = Picture(blue_first=True, scale=1.0)
BYTES = Picture(kind=TensorProto.UINT8, channels_first=False, scale=1.0, name="input_tensor")

NAMES = [load_model("coco-ssd").labels.get(index + 1, f"unused {index + 1}") for index in range(CLASSES)]
ULTRALYTICS = {
    "author": "Ultralytics",
    "task": "detect",
    "stride": "32",
    "imgsz": f"[{SIDE}, {SIDE}]",
    "names": repr(dict(enumerate(NAMES))),
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A rewritten network. `head`: the name of the head that reads it. `beside`: files that lie beside it, by name."""

    make: Callable[[], bytes]
    head: str
    resize: ResizeMode = "stretch"
    beside: Mapping[str, str] = field(default_factory=dict)
    sidecar: Mapping[str, object] = field(default_factory=dict)


LABELS = {"labels.txt": "\n".join(NAMES)}
OF_PADDLE = """
Preprocess:
- {type: Resize, target_size: [300, 300], keep_ratio: false}
- {type: NormalizeImage, is_scale: true, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}
"""
FROM_ONE = {"labels.txt": "\n".join(["background", *NAMES])}


def yolov8(metadata: Mapping[str, str] = ULTRALYTICS, picture: Picture = PLAIN) -> bytes:
    graph = Graph(picture)
    return graph.build(
        {"output0": graph.op("Transpose", graph.join(graph.cxcywh(), graph.scores), perm=[0, 2, 1])}, metadata=metadata
    )


def objectness(graph: Graph, scores: str) -> str:
    """Scores [1, K, C] as an objectness, their best, and shares of it."""
    best = graph.op("Add", graph.op("ReduceMax", scores, axes=[2], keepdims=1), graph.const(1e-6))
    return graph.join(best, graph.op("Div", scores, best))


def best_of_grid(graph: Graph) -> str:
    """Indices of as many anchors as the grids have cells, the best."""
    top = graph.op("ReduceMax", graph.scores, axes=[2], keepdims=0)
    _, indices = graph.op("TopK", top, graph.ints(GRID), axis=1, outputs=2)
    return graph.reshape(indices, GRID)


def yolov5(*, grids: bool = False) -> bytes:
    """Three rows per cell, two of which score nothing."""
    graph = Graph(Picture())
    at = best_of_grid(graph)
    boxes, scores = graph.at(graph.cxcywh(), at), graph.at(graph.scores, at)
    nothing = graph.times(scores, 0.0)
    rows = graph.join(
        graph.join(boxes, boxes, boxes, axis=1), objectness(graph, graph.join(scores, nothing, nothing, axis=1))
    )
    outputs = {"output": rows}
    if grids:
        for count in (SIDE // stride for stride in STRIDES):
            outputs[f"grid_{count}"] = graph.const(np.zeros((1, 3, count, count, 5 + CLASSES)))
    return graph.build(outputs, metadata={"stride": "32", "names": repr(NAMES)})


def yolox_decoded() -> bytes:
    graph = Graph(YOLOX)
    at = best_of_grid(graph)
    return graph.build(
        {"output": graph.join(graph.at(graph.cxcywh(), at), objectness(graph, graph.at(graph.scores, at)))}
    )


def yolov6() -> bytes:
    graph = Graph(Picture())
    at = best_of_grid(graph)
    ones = graph.const(np.ones((1, GRID, 1)))
    return graph.build({"outputs": graph.join(graph.at(graph.cxcywh(), at), ones, graph.at(graph.scores, at))})


def cells() -> NDArray[np.float32]:
    """[G, 3]: x, y and stride of each cell, row by row."""
    parts = []
    for stride in STRIDES:
        y, x = np.mgrid[: SIDE // stride, : SIDE // stride]
        parts.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def yolox() -> bytes:
    """Rows that are not decoded: offsets in cells, and logarithms."""
    graph = Graph(YOLOX)
    at, where = best_of_grid(graph), cells()
    boxes = graph.op("Div", graph.at(graph.cxcywh(), at), graph.const(where[None, :, 2:]))
    centre, sides = graph.op("Split", boxes, graph.ints(2, 2), axis=-1, outputs=2)
    offset = graph.op("Sub", centre, graph.const(where[None, :, :2]))
    logs = graph.op("Log", graph.op("Max", sides, graph.const(1e-3)))
    return graph.build({"output": graph.join(offset, logs, objectness(graph, graph.at(graph.scores, at)))})


def rows(box: str, *, picture: Picture = PLAIN, metadata: Mapping[str, str] = ULTRALYTICS) -> bytes:
    """Finished boxes: `xyxy` in pixels or `cxcywh` in shares, score and class."""
    graph = Graph(picture)
    best, classes, at = graph.objects(QUERIES)
    boxes = graph.xyxy() if box == "xyxy" else graph.cxcywh(pixels=False)
    table = graph.join(graph.at(boxes, at), best, graph.cast(classes, TensorProto.FLOAT))
    return graph.build({"output0": table}, metadata=metadata)


def deepstream() -> bytes:
    """Rows that are not suppressed, one per cell."""
    graph = Graph(Picture())
    at = best_of_grid(graph)
    best, classes = graph.labelled(graph.at(graph.scores, at))
    return graph.build({"output": graph.join(graph.at(graph.xyxy(), at), best, graph.cast(classes, TensorProto.FLOAT))})


def paddle(picture: Picture = PLAIN) -> bytes:
    graph = Graph(replace(picture, name="image"))
    graph.extra_input("scale_factor", TensorProto.FLOAT, [1, 2])
    graph.extra_input("im_shape", TensorProto.FLOAT, [1, 2])
    best, classes, at = graph.objects(QUERIES)
    factor = graph.op("Concat", "scale_factor", "scale_factor", axis=1)
    boxes = graph.op("Div", graph.at(graph.xyxy(), at), factor)
    table = graph.join(graph.cast(classes, TensorProto.FLOAT), best, boxes)
    return graph.build({"rows": graph.reshape(table, QUERIES, 6), "count": graph.ints(QUERIES)}, integers=["count"])


def rows7(*, threshold: float = 0.05) -> bytes:
    """The rows above a threshold; there may be none."""
    graph = Graph(Picture())
    best, classes, at = graph.objects(QUERIES)
    table = graph.join(
        graph.const(np.zeros((1, QUERIES, 1))), graph.at(graph.xyxy(), at), graph.cast(classes, TensorProto.FLOAT), best
    )
    good = graph.op("Greater", graph.reshape(best, QUERIES), graph.const(threshold))
    return graph.build({"output": graph.op("Compress", graph.reshape(table, QUERIES, 7), good, axis=0)})


def flat_of_yolo_nas(name: str) -> bytes:
    """Rows above a threshold, with the score before the class."""
    graph = Graph(Picture())
    best, classes, at = graph.objects(QUERIES)
    zeros = graph.const(np.zeros((1, QUERIES, 1)))
    table = graph.join(zeros, graph.at(graph.xyxy(), at), best, graph.cast(classes, TensorProto.FLOAT))
    good = graph.op("Greater", graph.reshape(best, QUERIES), graph.const(0.05))
    return graph.build({name: graph.op("Compress", graph.reshape(table, QUERIES, 7), good, axis=0)})


def efficientdet() -> bytes:
    """Rows with y before x, a picture's number before them, and classes from 1."""
    graph = Graph(BYTES)
    best, classes, at = graph.objects(100)
    boxes = graph.times(graph.at(graph.yxyx(), at), SIDE)
    numbered = graph.op("Add", graph.cast(classes, TensorProto.FLOAT), graph.const(1.0))
    return graph.build({"detections": graph.join(graph.const(np.zeros((1, 100, 1))), boxes, best, numbered)})


def of_the_model_zoo() -> bytes:
    graph = Graph(IMAGENET)
    best, classes, at = graph.objects(QUERIES)
    outputs = {
        "bboxes": graph.at(graph.xyxy(pixels=False), at),
        "labels": graph.reshape(graph.op("Add", classes, graph.ints(1)), 1, QUERIES),
        "scores": graph.reshape(best, 1, QUERIES),
    }
    return graph.build(outputs, integers=["labels"])


def lists_of_deepstream(box: str) -> bytes:
    """Three lists, not suppressed, an entry per cell."""
    graph = Graph(Picture(name="input"))
    at = best_of_grid(graph)
    best, classes = graph.labelled(graph.at(graph.scores, at))
    boxes = graph.xyxy() if box == "xyxy" else graph.cxcywh()
    values = {"boxes": graph.at(boxes, at), "scores": best, "classes": graph.cast(classes, TensorProto.FLOAT)}
    return graph.build(values)


def rtdetr(*, batch: bool = True) -> bytes:
    """Boxes in the unit of an input."""
    graph = Graph(Picture())
    size = graph.extra_input("orig_target_sizes", TensorProto.INT64, [1, 2])
    best, classes, at = graph.objects(QUERIES)
    sizes = graph.cast(graph.op("Concat", size, size, axis=1), TensorProto.FLOAT)
    boxes = graph.op("Mul", graph.at(graph.xyxy(pixels=False), at), sizes)
    lead = [1] if batch else []
    outputs = {
        "labels": graph.reshape(classes, *lead, QUERIES),
        "boxes": graph.reshape(boxes, *lead, QUERIES, 4),
        "scores": graph.reshape(best, *lead, QUERIES),
    }
    return graph.build(outputs, integers=["labels"])


def detr(scores: str) -> bytes:
    """Logits and boxes. With a softmax there is a column per COCO id from 0, and a last one for no object."""
    softmax = scores == "softmax"
    graph = Graph(Picture(**{**vars(IMAGENET if softmax else Picture()), "name": "pixel_values"}))
    graph.extra_input("pixel_mask", TensorProto.INT64, [1, SIDE, SIDE])
    best, _, at = graph.objects(QUERIES)
    of_query = graph.at(graph.suppressed(), at)
    if softmax:
        nothing = graph.op("Sub", graph.const(1.0), graph.op("ReduceSum", of_query, graph.ints(2), keepdims=1))
        shares = graph.join(graph.times(best, 0.0), of_query, graph.op("Max", nothing, graph.const(1e-3)))
        logits = graph.op("Log", graph.op("Max", shares, graph.const(1e-6)))
    else:
        logits = graph.logit(of_query)
    return graph.build({"logits": logits, "pred_boxes": graph.at(graph.cxcywh(pixels=False), at)})


def rfdetr() -> bytes:
    graph = Graph(IMAGENET)
    best, _, at = graph.objects(QUERIES)
    logits = graph.logit(graph.join(graph.at(graph.suppressed(), at), graph.times(best, 0.0)))
    return graph.build({"dets": graph.at(graph.cxcywh(pixels=False), at), "labels": logits})


def mmdeploy() -> bytes:
    graph = Graph(Picture(name="input", scale=1.0))
    best, classes, at = graph.objects(100)
    dets = graph.join(graph.at(graph.xyxy(), at), best)
    return graph.build({"dets": dets, "labels": graph.reshape(classes, 1, 100)}, integers=["labels"])


def efficientnms(prefix: str = "", called: str = "num_dets det_boxes det_scores det_classes") -> bytes:
    graph = Graph(Picture())
    best, classes, at = graph.objects(100)
    good = graph.cast(graph.op("Greater", best, graph.const(0.05)), TensorProto.INT64)
    count = graph.reshape(graph.op("ReduceSum", good, graph.ints(1), keepdims=0), 1, 1)
    values = count, graph.at(graph.xyxy(), at), graph.reshape(best, 1, 100), graph.reshape(classes, 1, 100)
    names = [prefix + name for name in called.split()]
    return graph.build(dict(zip(names, values, strict=True)), integers=[names[0], names[3]])


def tensorflow() -> bytes:
    graph = Graph(BYTES)
    best, classes, at = graph.objects(100)
    numbered = graph.op("Add", graph.cast(classes, TensorProto.FLOAT), graph.const(1.0))
    outputs = {
        "detection_boxes": graph.at(graph.yxyx(), at),
        "detection_classes": graph.reshape(numbered, 1, 100),
        "detection_scores": graph.reshape(best, 1, 100),
        "num_detections": graph.const([100.0]),
    }
    return graph.build(outputs)


def boxes_and_scores(kind: str) -> bytes:
    """Boxes as [A, 1, 4], in pixels, or in shares; `background`: with a column before the classes; `turned`: scores [C, A]."""
    graph = Graph(Picture() if kind in ("pixels", "turned") else Picture(scale=1.0))
    boxes = {
        "tensorflow": lambda: graph.reshape(graph.yxyx(), 1, ANCHORS, 1, 4),
        "background": lambda: graph.reshape(graph.yxyx(), 1, ANCHORS, 1, 4),
        "pixels": graph.xyxy,
        "turned": graph.xyxy,
        "xyxy": lambda: graph.xyxy(pixels=False),
        "yxyx": graph.yxyx,
    }[kind]()
    scores = graph.scores
    if kind == "background":
        total = graph.op("ReduceSum", scores, graph.ints(2), keepdims=1)
        scores = graph.op("Div", scores, graph.op("Max", total, graph.const(1.0)))
        rest = graph.op("Sub", graph.const(1.0), graph.op("ReduceSum", scores, graph.ints(2), keepdims=1))
        scores = graph.join(rest, scores)
    if kind == "turned":
        scores = graph.op("Transpose", scores, perm=[0, 2, 1])
    return graph.build({"boxes": boxes, "scores": scores})


def centernet() -> bytes:
    """Boxes in quarters of the input's pixels."""
    graph = Graph(Picture(channels_first=False, scale=1.0))
    best, classes, at = graph.objects(100)
    boxes = graph.times(graph.at(graph.xyxy(), at), 0.25)
    return graph.build({"detections": graph.join(boxes, best, graph.cast(classes, TensorProto.FLOAT))})


FEW = 5


def into_cells(graph: Graph, count: int, rows: str, empty: NDArray[np.float32]) -> str:
    """Put rows [FEW, k] of the best objects into a map [count × count, k] of rows like `empty`, each where its centre lies."""
    _, _, at = graph.objects(FEW)
    centre = graph.columns(graph.reshape(graph.at(graph.cxcywh(pixels=False), at), FEW, 4), 0, 1)
    x, y = graph.op("Split", graph.op("Floor", graph.times(centre, count)), graph.ints(1, 1), axis=-1, outputs=2)
    where = graph.cast(graph.op("Add", graph.times(y, count), x), TensorProto.INT64)
    return str(graph.op("ScatterND", graph.const(np.tile(empty, (count * count, 1))), where, rows))


def nanodet() -> bytes:
    """All objects on the coarsest grid, whose cells reach far enough. A distance lies between two of eight bins."""
    graph = Graph(NANODET)
    count, bins = -(-SIDE // 32), np.arange(8, dtype=np.float32)
    _, _, at = graph.objects(FEW)
    boxes = graph.reshape(graph.at(graph.xyxy(), at), FEW, 4)
    centres = graph.columns(graph.reshape(graph.at(graph.cxcywh(), at), FEW, 4), 0, 1)
    cell = graph.op("Floor", graph.times(graph.times(centres, 1 / SIDE), count))
    centre = graph.op("Sub", graph.times(graph.op("Add", cell, graph.const(0.5)), 32.0), graph.const(0.5))
    low, high = graph.op("Split", boxes, graph.ints(2, 2), axis=-1, outputs=2)
    sides = graph.join(graph.op("Sub", centre, low), graph.op("Sub", high, centre))
    distance = graph.op("Sub", graph.reshape(graph.times(sides, 1 / 32), FEW, 4, 1), graph.const(bins))
    near = graph.op("Relu", graph.op("Sub", graph.const(1.0), graph.op("Abs", distance)))
    logits = graph.reshape(graph.op("Log", graph.op("Max", near, graph.const(1e-6))), FEW, 32)
    scores = graph.reshape(graph.at(graph.suppressed(), at), FEW, CLASSES)
    outputs = {}
    for stride in (8, 16):
        cells_of = (-(-SIDE // stride)) ** 2
        outputs[f"cls_pred_stride_{stride}"] = graph.const(np.zeros((1, cells_of, CLASSES)))
        outputs[f"dis_pred_stride_{stride}"] = graph.const(np.full((1, cells_of, 32), 2.0))
    of_scores = into_cells(graph, count, scores, np.zeros(CLASSES, np.float32))
    of_boxes = into_cells(graph, count, logits, np.full(32, 2.0, np.float32))
    outputs["cls_pred_stride_32"] = graph.reshape(of_scores, 1, count * count, CLASSES)
    outputs["dis_pred_stride_32"] = graph.reshape(of_boxes, 1, count * count, 32)
    return graph.build(outputs)


def fastestdet() -> bytes:
    """One map, whose scores are objectness^0.6 × class^0.4."""
    graph = Graph(Picture(blue_first=True))
    count = SIDE // 16
    best, classes, at = graph.objects(FEW)
    boxes = graph.reshape(graph.at(graph.cxcywh(pixels=False), at), FEW, 4)
    centre, sides = graph.op("Split", boxes, graph.ints(2, 2), axis=-1, outputs=2)
    placed = graph.times(centre, count)
    offset = graph.op("Atanh", graph.op("Min", graph.op("Sub", placed, graph.op("Floor", placed)), graph.const(0.999)))
    objectness_of = graph.op("Pow", graph.reshape(best, FEW, 1), graph.const(1 / 0.6))
    one_hot = graph.op("OneHot", graph.reshape(classes, FEW), graph.ints(CLASSES), graph.const([0.0, 1.0]))
    rows = graph.join(objectness_of, offset, graph.logit(sides), one_hot)
    empty = np.concatenate([np.zeros(5), np.full(CLASSES, 1 / CLASSES)]).astype(np.float32)
    cells_of = graph.op("Transpose", into_cells(graph, count, rows, empty), perm=[1, 0])
    return graph.build({"output": graph.reshape(cells_of, 1, 5 + CLASSES, count, count)})


YAML_SCALE = {"input": {"scale": 1.0, "bias": 0.0}}

LAYOUTS: dict[str, Layout] = {
    "yolov8": Layout(make=yolov8, head="yolov8", resize="letterbox"),
    "yolov8 without metadata": Layout(make=lambda: yolov8({}), head="yolov8", resize="letterbox"),
    "yolov8 with channels last": Layout(
        make=lambda: yolov8(picture=Picture(channels_first=False)), head="yolov8", resize="letterbox"
    ),
    "yolov8 in halves": Layout(
        make=lambda: yolov8(picture=Picture(kind=TensorProto.FLOAT16)), head="yolov8", resize="letterbox"
    ),
    "yolov8 of bytes": Layout(
        make=lambda: yolov8(picture=Picture(kind=TensorProto.UINT8, scale=1.0)), head="yolov8", resize="letterbox"
    ),
    "yolov8 of any size": Layout(
        make=lambda: yolov8(picture=Picture(shape=["batch", 3, "height", "width"])), head="yolov8", resize="letterbox"
    ),
    "yolov5": Layout(make=yolov5, head="yolov5", resize="letterbox"),
    "yolov5 with grids beside": Layout(make=lambda: yolov5(grids=True), head="yolov5", resize="letterbox"),
    "yolox": Layout(make=yolox, head="yolox", resize="letterbox-topleft"),
    "yolox decoded": Layout(make=yolox_decoded, head="yolov5", resize="letterbox-topleft"),
    "yolov6": Layout(make=yolov6, head="yolov5", resize="letterbox"),
    "end to end": Layout(
        make=lambda: rows("xyxy", metadata=ULTRALYTICS | {"end2end": "True"}), head="rows", resize="letterbox"
    ),
    "suppressed inside": Layout(
        make=lambda: rows("xyxy", metadata=ULTRALYTICS | {"args": "{'dynamic': False, 'nms': True}"}),
        head="rows",
        resize="letterbox",
    ),
    "end to end without metadata": Layout(
        make=lambda: rows("xyxy", metadata={}), head="rows", resize="letterbox", beside=LABELS
    ),
    "RT-DETR of Ultralytics": Layout(
        make=lambda: rows("cxcywh", metadata=ULTRALYTICS | {"head": "RTDETRDecoder"}), head="rows"
    ),
    "RT-DETR of Ultralytics, older": Layout(make=lambda: rows("cxcywh"), head="rows"),
    "deepstream": Layout(make=deepstream, head="rows", resize="letterbox", beside=LABELS),
    "paddle": Layout(make=paddle, head="rows", beside=LABELS),
    "paddle with its file beside": Layout(
        make=lambda: paddle(IMAGENET), head="rows", beside={**LABELS, "infer_cfg.yml": OF_PADDLE}
    ),
    "yolov7 end to end": Layout(make=rows7, head="rows7", resize="letterbox", beside=LABELS),
    "yolo-nas, flat": Layout(
        make=lambda: flat_of_yolo_nas("graph2_flat_predictions"), head="rows7", resize="letterbox", beside=LABELS
    ),
    "yolo-nas, flat, of another name": Layout(
        make=lambda: flat_of_yolo_nas("output"), head="rows7", resize="letterbox", beside=LABELS
    ),
    "efficientdet": Layout(make=efficientdet, head="rows", resize="letterbox-topleft", beside=FROM_ONE),
    "SSD of the model zoo": Layout(make=of_the_model_zoo, head="rtdetr", beside=FROM_ONE),
    "three lists of corners": Layout(
        make=lambda: lists_of_deepstream("xyxy"), head="rtdetr", resize="letterbox", beside=LABELS
    ),
    "three lists of centres": Layout(
        make=lambda: lists_of_deepstream("cxcywh"), head="rtdetr", resize="letterbox", beside=LABELS
    ),
    "rtdetr": Layout(make=rtdetr, head="rtdetr", beside=LABELS),
    "rtdetr without batch": Layout(make=lambda: rtdetr(batch=False), head="rtdetr", beside=LABELS),
    "detr with softmax": Layout(make=lambda: detr("softmax"), head="detr"),
    "detr with sigmoid": Layout(make=lambda: detr("sigmoid"), head="detr"),
    "rfdetr": Layout(make=rfdetr, head="rfdetr", beside=LABELS),
    "mmdeploy": Layout(make=mmdeploy, head="mmdeploy", beside=LABELS, sidecar=YAML_SCALE),
    "efficientnms": Layout(make=efficientnms, head="efficientnms", resize="letterbox", beside=LABELS),
    "yolo-nas": Layout(
        make=lambda: efficientnms("graph2_", "num_predictions pred_boxes pred_scores pred_classes"),
        head="efficientnms",
        resize="letterbox",
        beside=LABELS,
    ),
    "centernet": Layout(make=centernet, head="centernet", beside=LABELS),
    "nanodet": Layout(make=nanodet, head="nanodet"),
    "fastestdet": Layout(make=fastestdet, head="fastestdet"),
    "tensorflow": Layout(make=tensorflow, head="tf", beside=FROM_ONE),
    "ssd": Layout(make=lambda: boxes_and_scores("tensorflow"), head="ssd"),
    "ssd with background": Layout(make=lambda: boxes_and_scores("background"), head="boxes-scores"),
    "boxes in pixels": Layout(make=lambda: boxes_and_scores("pixels"), head="boxes-scores", resize="letterbox"),
    "boxes in pixels, classes first": Layout(
        make=lambda: boxes_and_scores("turned"), head="boxes-scores", resize="letterbox"
    ),
    "boxes in shares, x first": Layout(
        make=lambda: boxes_and_scores("xyxy"),
        head="boxes-scores",
        sidecar={"head": {"name": "boxes-scores", "box": "xyxy"}, **YAML_SCALE},
    ),
    "boxes in shares, y first": Layout(
        make=lambda: boxes_and_scores("yxyx"),
        head="boxes-scores",
        sidecar={"head": {"name": "boxes-scores", "box": "yxyx"}},
    ),
}
