"""Runs a model on picture files, outside of any pipeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framehop._core import decode_jpeg, encode_jpeg, read_jpeg_header
from framehop.errors import ConfigError, ModelError, PictureError, SourceError, text_of
from framehop.inference.engine import Engine
from framehop.replacing import replace_file
from framehop.sources.raster import JPEG_MAGIC, decode_picture, read_picture_bytes
from framehop.types import DetectedObject, Detections

_QUALITY = 95

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureObjects:
    """The objects in one picture, their boxes in its own pixels. `pixels`: uint8 [H, W, 3], as decoded. `size`: (width, height) of
    the picture itself. `ms`: time from the pixels to the boxes."""

    path: Path
    pixels: NDArray[np.uint8]
    size: Size
    objects: list[DetectedObject]
    ms: float

    def described(self) -> dict[str, object]:
        """Return what `--json` prints."""
        keys = ("label", "label_id", "confidence", "box")
        objects = [{key: getattr(item, key) for key in keys} for item in self.objects]
        return {
            "picture": str(self.path),
            "width": self.size[0],
            "height": self.size[1],
            "objects": objects,
            "ms": round(self.ms, 3),
        }


def find_in(path: Path, engine: Engine, *, scaled: bool) -> PictureObjects:
    """Find the objects in a picture file. `scaled`: decode it no larger than the model needs. Raises SourceError for a file that is
    no picture, ModelError for outputs that are no boxes."""
    try:
        pixels, size = _decoded(read_picture_bytes(path), engine, scaled=scaled)
    except PictureError as error:
        raise SourceError(f"{path} cannot be decoded: {text_of(error)}") from error
    began = time.perf_counter()
    [result] = engine.detect([pixels], [size])
    took = (time.perf_counter() - began) * 1000
    if result.error:
        raise ModelError(f"{path}: the network's outputs for it are no boxes ({result.error})")
    return PictureObjects(path=path, pixels=pixels, size=size, objects=_objects(result, engine), ms=took)


def check_out(out: Path | None, pictures: Sequence[Path]) -> None:
    """Raise ConfigError if the picture with boxes cannot be written."""
    if out is None:
        return
    if len(pictures) != 1:
        raise ConfigError(f"--out draws one picture, and {len(pictures)} are given: give them one at a time")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ConfigError(f"--out {out} cannot be written: name a file in a directory that exists")


def draw(found: PictureObjects, out: Path) -> None:
    """Draw the boxes on the decoded picture and write it as a JPEG. Raises MissingExtraError without the extra `video`."""
    from framehop.sinks.drawing import draw_objects
    from framehop.sinks.pillow import Image

    image = Image.fromarray(found.pixels)
    draw_objects(image, found.objects, (image.width / found.size[0], image.height / found.size[1]))
    replace_file(out, encode_jpeg(np.asarray(image), quality=_QUALITY))


def _decoded(data: bytes, engine: Engine, *, scaled: bool) -> tuple[NDArray[np.uint8], Size]:
    """Return the pixels, and the (width, height) of the whole picture."""
    if not scaled:
        pixels = decode_picture(data)
        return pixels, (pixels.shape[1], pixels.shape[0])
    jpeg = data if data.startswith(JPEG_MAGIC) else encode_jpeg(decode_picture(data))
    header = read_jpeg_header(jpeg)
    need = engine.need
    pixels = decode_jpeg(jpeg, min_width=need.width, min_height=need.height, fit=need.fit)
    return pixels, (header.width, header.height)


def _objects(result: Detections, engine: Engine) -> list[DetectedObject]:
    """Return the objects as events have them; an id without a name is shown as its number."""
    return [
        DetectedObject(label=engine.labels.get(label, str(label)), label_id=label, confidence=score, box=tuple(box))
        for label, score, box in zip(
            result.label_ids.tolist(), result.scores.tolist(), result.boxes.tolist(), strict=True
        )
    ]
