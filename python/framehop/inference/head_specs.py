"""The part `head` of a model's description: which family its outputs belong to, and what that family leaves open. Told apart by
`name`. Users read docs/models.md."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

LabelId = Annotated[int, msgspec.Meta(ge=0, le=2**30)]
OutputName = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Stride = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Strides = Annotated[tuple[Stride, ...], msgspec.Meta(min_length=1, max_length=8)]
Bins = Annotated[int, msgspec.Meta(ge=2, le=64)]


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name"):
    """The keys that all heads have. `first_label_id`: the label id of the network's class 0, the background not counted."""

    first_label_id: LabelId = 0


class SsdSpec(_Head, frozen=True, tag="ssd"):
    """TensorFlow's SSD, cut before its suppression."""

    scores: OutputName
    boxes: OutputName


class YoloxSpec(_Head, frozen=True, tag="yolox"):
    """YOLOX, undecoded. `strides`: input pixels per cell of each grid, in the output's order."""

    output: OutputName
    strides: Strides = (8, 16, 32)


class Yolov8Spec(_Head, frozen=True, tag="yolov8"):
    """YOLOv8, 9, 11 and 12, raw: boxes and class scores along the first axis."""

    output: OutputName
    box: Literal["cxcywh", "xyxy"] = "cxcywh"


class Yolov5Spec(_Head, frozen=True, tag="yolov5"):
    """YOLOv5, v6, v7 and YOLOX, decoded: one row per anchor, with an objectness."""

    output: OutputName


class RowsSpec(_Head, frozen=True, tag="rows"):
    """Finished boxes, a row of six or seven numbers each. `normalised`: the boxes are shares of the input's sides, not pixels.
    `nms`: they still have to be suppressed."""

    output: OutputName
    box: Literal["xyxy", "yxyx", "cxcywh"] = "xyxy"
    normalised: bool = False
    columns: Literal["box-score-class", "class-score-box", "image-box-score-class"] = "box-score-class"
    nms: bool = False


class Rows7Spec(_Head, frozen=True, tag="rows7"):
    """YOLOv7 with its suppression inside, and YOLO-NAS in its flat format: a row of seven numbers per box, of all pictures
    together. `columns`: which two come last."""

    output: OutputName
    columns: Literal["class-score", "score-class"] = "class-score"


class RtdetrSpec(_Head, frozen=True, tag="rtdetr"):
    """RT-DETR, D-FINE and DEIM as deployed, and others that give labels, boxes and scores in lists of their own. `normalised`:
    the boxes are shares of the input's sides, not pixels. `nms`: they still have to be suppressed."""

    labels: OutputName = "labels"
    boxes: OutputName = "boxes"
    scores: OutputName = "scores"
    box: Literal["xyxy", "cxcywh"] = "xyxy"
    normalised: bool = False
    nms: bool = False


class DetrSpec(_Head, frozen=True, tag="detr"):
    """The DETR family of Hugging Face. `scores`: how logits become scores; with `softmax` the last class means "no object"."""

    logits: OutputName = "logits"
    boxes: OutputName = "pred_boxes"
    scores: Literal["sigmoid", "softmax"] = "sigmoid"


class RfdetrSpec(_Head, frozen=True, tag="rfdetr"):
    """RF-DETR. `labels` holds logits. `background`: their last column means "no object"; as trained on COCO it does not."""

    dets: OutputName = "dets"
    labels: OutputName = "labels"
    background: bool = True


class MmdeploySpec(_Head, frozen=True, tag="mmdeploy"):
    """MMDetection, exported by MMDeploy with its suppression inside."""

    dets: OutputName = "dets"
    labels: OutputName = "labels"


class EfficientNmsSpec(_Head, frozen=True, tag="efficientnms"):
    """Networks that end in TensorRT's EfficientNMS or look like it, such as YOLO-NAS."""

    count: OutputName = "num_dets"
    boxes: OutputName = "det_boxes"
    scores: OutputName = "det_scores"
    classes: OutputName = "det_classes"


class TfSpec(_Head, frozen=True, tag="tf"):
    """TensorFlow's Object Detection API, whole."""

    count: OutputName = "num_detections"
    boxes: OutputName = "detection_boxes"
    scores: OutputName = "detection_scores"
    classes: OutputName = "detection_classes"


class BoxesScoresSpec(_Head, frozen=True, tag="boxes-scores"):
    """A box and one score per class for each anchor. `background`: class 0 of the scores means "no object". `classes_first`: the
    scores are [N, C, A]."""

    boxes: OutputName
    scores: OutputName
    box: Literal["xyxy", "yxyx"] = "xyxy"
    normalised: bool = False
    background: bool = False
    classes_first: bool = False


class NanodetSpec(_Head, frozen=True, tag="nanodet"):
    """NanoDet, NanoDet-Plus and PicoDet: scores and distances of each grid. `variant` says where the centre of a cell is. `whole`:
    the only output, with all grids one after another and the scores before the distances, each of `bins` logits."""

    scores: tuple[OutputName, ...] = ()
    boxes: tuple[OutputName, ...] = ()
    strides: Strides = (8, 16, 32)
    variant: Literal["nanodet", "nanodet-plus", "picodet"] = "nanodet"
    whole: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    bins: Bins = 8

    def __post_init__(self) -> None:
        grids = 0 if self.whole else len(self.strides)
        if not len(self.scores) == len(self.boxes) == grids:
            raise ValueError(
                "scores, boxes and strides must have an entry for each grid, or whole must name the only output"
            )


class FastestdetSpec(_Head, frozen=True, tag="fastestdet"):
    """FastestDet: one map with objectness, box and class scores along the first axis."""

    output: OutputName


class CenternetSpec(_Head, frozen=True, tag="centernet"):
    """CenterNet with its decoding inside. `stride`: input pixels per unit of the boxes, 1 if they are pixels already."""

    output: OutputName
    stride: Stride = 1


HeadSpec = (
    SsdSpec
    | YoloxSpec
    | Yolov8Spec
    | Yolov5Spec
    | RowsSpec
    | Rows7Spec
    | RtdetrSpec
    | DetrSpec
    | RfdetrSpec
    | MmdeploySpec
    | EfficientNmsSpec
    | TfSpec
    | BoxesScoresSpec
    | NanodetSpec
    | FastestdetSpec
    | CenternetSpec
)
