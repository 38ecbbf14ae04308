"""The usual ways to prepare pictures and to suppress boxes, which families share."""

from __future__ import annotations

from framehop.inference.recognise.family import Preparation
from framehop.inference.spec import NmsSpec

# Means and deviations of ImageNet, as value = pixel × scale + bias.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET = Preparation(
    mode="stretch",
    scale=(1 / 255 / _STD[0], 1 / 255 / _STD[1], 1 / 255 / _STD[2]),
    bias=(-_MEAN[0] / _STD[0], -_MEAN[1] / _STD[1], -_MEAN[2] / _STD[2]),
)
NANODET = Preparation(
    mode="stretch",
    colour="BGR",
    scale=(1 / 57.375, 1 / 57.12, 1 / 58.395),
    bias=(-103.53 / 57.375, -116.28 / 57.12, -123.675 / 58.395),
)
LETTERBOX = Preparation(mode="letterbox")
STRETCH = Preparation(mode="stretch")
# The network itself does not tell: one that wants ImageNet's sees objects without it too, and the other way round.
PADDLE = Preparation(
    mode="stretch",
    why="usual for PP-YOLOE+ and RT-DETR; PicoDet wants ImageNet's, as infer_cfg.yml beside it would tell",
)
PIXELS = Preparation(mode="stretch", scale=1.0)
YOLOX = Preparation(mode="letterbox-topleft", colour="BGR", scale=1.0)

PER_CLASS = NmsSpec(iou=0.7, class_agnostic=False)
CLOSER = NmsSpec(iou=0.45, class_agnostic=False)
AGNOSTIC = NmsSpec(iou=0.5, class_agnostic=True)

# Values of -1 to 1, and of 0 to 1.
SIGNED, SHARE = (1 / 127.5, -1.0), (1 / 255, 0.0)

NORMALISATION = ("input.scale", "input.bias")
