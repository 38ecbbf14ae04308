"""The table of recognisers: a row for each family, in the order in which evidence is trusted. A new one is a row and a head."""

from __future__ import annotations

from framehop.inference.recognise import by_metadata, by_names, by_parts, by_shapes
from framehop.inference.recognise.family import Family, Preparation
from framehop.inference.spec import NmsSpec

# Means and deviations of ImageNet, as value = pixel × scale + bias.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_IMAGENET = Preparation(
    mode="stretch",
    scale=(1 / 255 / _STD[0], 1 / 255 / _STD[1], 1 / 255 / _STD[2]),
    bias=(-_MEAN[0] / _STD[0], -_MEAN[1] / _STD[1], -_MEAN[2] / _STD[2]),
)
_NANODET = Preparation(
    mode="stretch",
    colour="BGR",
    scale=(1 / 57.375, 1 / 57.12, 1 / 58.395),
    bias=(-103.53 / 57.375, -116.28 / 57.12, -123.675 / 58.395),
)
_LETTERBOX = Preparation(mode="letterbox")
_STRETCH = Preparation(mode="stretch")
_PIXELS = Preparation(mode="stretch", scale=1.0)
_YOLOX = Preparation(mode="letterbox-topleft", colour="BGR", scale=1.0)

_PER_CLASS = NmsSpec(iou=0.7, class_agnostic=False)
_CLOSER = NmsSpec(iou=0.45, class_agnostic=False)
_AGNOSTIC = NmsSpec(iou=0.5, class_agnostic=True)

# Values of -1 to 1, and of 0 to 1.
_SIGNED, _SHARE = (1 / 127.5, -1.0), (1 / 255, 0.0)

_NORMALISATION = ("input.scale", "input.bias")

FAMILIES: tuple[Family, ...] = (
    Family(
        title="RT-DETR of Ultralytics",
        head="rows",
        evidence="metadata",
        find=by_metadata.rtdetr_of_ultralytics,
        preparation=_STRETCH,
        nms=_PER_CLASS,
    ),
    Family(
        title="YOLO of Ultralytics with suppression inside, or without any",
        head="rows",
        evidence="metadata",
        find=by_metadata.finished,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="YOLOv8, 9, 11 or 12, raw",
        head="yolov8",
        evidence="metadata",
        find=by_metadata.counted_names,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="RT-DETR, D-FINE or DEIM, deployed",
        head="rtdetr",
        evidence="names",
        find=by_names.deployed_rtdetr,
        preparation=_STRETCH,
        nms=_PER_CLASS,
        threshold=0.5,
    ),
    Family(
        title="DETR or YOLOS of Hugging Face",
        head="detr",
        evidence="names",
        find=by_names.detr_by_softmax,
        preparation=_IMAGENET,
        nms=_PER_CLASS,
        threshold=0.5,
        configured=True,
    ),
    Family(
        title="RT-DETR or D-FINE of Hugging Face",
        head="detr",
        evidence="names",
        find=by_names.detr_by_sigmoid,
        preparation=_STRETCH,
        nms=_PER_CLASS,
        threshold=0.5,
        configured=True,
    ),
    Family(
        title="RF-DETR",
        head="rfdetr",
        evidence="names",
        find=by_names.rfdetr,
        preparation=_IMAGENET,
        nms=_PER_CLASS,
        threshold=0.5,
    ),
    Family(
        title="MMDetection by MMDeploy",
        head="mmdeploy",
        evidence="names",
        find=by_names.mmdeploy,
        preparation=_STRETCH,
        nms=_PER_CLASS,
        threshold=0.3,
        asked=_NORMALISATION,
    ),
    Family(
        title="EfficientNMS or YOLO-NAS",
        head="efficientnms",
        evidence="names",
        find=by_names.efficient_nms,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="TensorFlow's Object Detection API",
        head="tf",
        evidence="names",
        find=by_names.tensorflow,
        preparation=_PIXELS,
        nms=_AGNOSTIC,
        threshold=0.5,
        ranges=(_SIGNED, _SHARE),
    ),
    Family(
        title="PaddleDetection",
        head="rows",
        evidence="names",
        find=by_names.paddle,
        preparation=_STRETCH,
        nms=_PER_CLASS,
        threshold=0.5,
    ),
    Family(
        title="YOLOv8, 9, 11 or 12, raw",
        head="yolov8",
        evidence="shapes",
        find=by_shapes.yolov8,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="YOLOv5 or v7",
        head="yolov5",
        evidence="shapes",
        find=by_shapes.yolov5,
        preparation=_LETTERBOX,
        nms=_CLOSER,
    ),
    Family(
        title="YOLOv6, or v5 of other grids",
        head="yolov5",
        evidence="shapes",
        find=by_shapes.yolov6,
        preparation=_LETTERBOX,
        nms=_CLOSER,
    ),
    Family(
        title="YOLOX, decoded inside",
        head="yolov5",
        evidence="shapes",
        find=by_shapes.yolox_decoded,
        preparation=_YOLOX,
        nms=_AGNOSTIC,
        threshold=0.5,
    ),
    Family(
        title="YOLOX",
        head="yolox",
        evidence="shapes",
        find=by_shapes.yolox,
        preparation=_YOLOX,
        nms=_AGNOSTIC,
        threshold=0.5,
    ),
    Family(
        title="YOLO exported for DeepStream",
        head="rows",
        evidence="shapes",
        find=by_shapes.deepstream,
        preparation=_LETTERBOX,
        nms=_CLOSER,
    ),
    Family(
        title="finished boxes, as of YOLOv10",
        head="rows",
        evidence="shapes",
        find=by_shapes.corner_rows,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="RT-DETR of Ultralytics",
        head="rows",
        evidence="shapes",
        find=by_shapes.centre_rows,
        preparation=_STRETCH,
        nms=_PER_CLASS,
    ),
    Family(
        title="YOLOv7 with suppression inside",
        head="rows7",
        evidence="shapes",
        find=by_shapes.rows7,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="CenterNet",
        head="centernet",
        evidence="shapes",
        find=by_shapes.centernet,
        preparation=_PIXELS,
        nms=_PER_CLASS,
        ranges=(_SIGNED, _SHARE),
    ),
    Family(
        title="SSD of TensorFlow, without suppression",
        head="ssd",
        evidence="shapes",
        find=by_parts.ssd,
        preparation=_PIXELS,
        nms=_AGNOSTIC,
        threshold=0.5,
        ranges=(_SIGNED, _SHARE),
    ),
    Family(
        title="SSD with a background class",
        head="boxes-scores",
        evidence="shapes",
        find=by_parts.softmax_ssd,
        preparation=_PIXELS,
        nms=_AGNOSTIC,
        threshold=0.5,
        ranges=(_SIGNED, _SHARE),
    ),
    Family(
        title="YOLO-NAS without suppression",
        head="boxes-scores",
        evidence="shapes",
        find=by_parts.pixels,
        preparation=_LETTERBOX,
        nms=_PER_CLASS,
    ),
    Family(
        title="boxes and scores, x before y",
        head="boxes-scores",
        evidence="shapes",
        find=by_parts.shares_xyxy,
        preparation=_STRETCH,
        nms=_AGNOSTIC,
        threshold=0.5,
        asked=_NORMALISATION,
    ),
    Family(
        title="boxes and scores, y before x",
        head="boxes-scores",
        evidence="shapes",
        find=by_parts.shares_yxyx,
        preparation=_PIXELS,
        nms=_AGNOSTIC,
        threshold=0.5,
    ),
    Family(
        title="NanoDet",
        head="nanodet",
        evidence="shapes",
        find=by_parts.nanodet,
        preparation=_NANODET,
        nms=_CLOSER,
        threshold=0.35,
    ),
    Family(
        title="NanoDet-Plus",
        head="nanodet",
        evidence="shapes",
        find=by_parts.nanodet_plus,
        preparation=_NANODET,
        nms=_CLOSER,
        threshold=0.35,
    ),
    Family(
        title="PicoDet",
        head="nanodet",
        evidence="shapes",
        find=by_parts.picodet,
        preparation=_IMAGENET,
        nms=_CLOSER,
        threshold=0.35,
    ),
    Family(
        title="FastestDet",
        head="fastestdet",
        evidence="shapes",
        find=by_parts.fastestdet,
        preparation=Preparation(mode="stretch", colour="BGR"),
        nms=_CLOSER,
        threshold=0.5,
    ),
)
