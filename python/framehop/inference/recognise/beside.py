"""Reads the files beside a network that other tools put there: labels, and the configuration of Hugging Face and Paddle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from framehop.errors import ModelError
from framehop.inference.recognise.beside_paddle import PaddleConfig, read_paddle
from framehop.inference.recognise.notes import MAX_LABELS, clean
from framehop.inference.sidecar import read_bounded
from framehop.types import ResizeMode

MAX_FILE_BYTES = 4 << 20
_PREPROCESSOR = "preprocessor_config.json"
T = TypeVar("T")


class _Config(msgspec.Struct):
    """The part of `config.json` that is read."""

    model_type: str = ""
    id2label: dict[str, str] = {}


class _Size(msgspec.Struct):
    """A size as Hugging Face gives it: both sides, or bounds for the shorter and the longer one."""

    height: int = 0
    width: int = 0
    shortest_edge: int = 0
    longest_edge: int = 0


class _Preprocessor(msgspec.Struct):
    """The part of `preprocessor_config.json` that is read."""

    do_normalize: bool = False
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    image_mean: tuple[float, float, float] | None = None
    image_std: tuple[float, float, float] | None = None
    size: _Size | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Label names and the file that they come from."""

    names: dict[int, str]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The facts in the files beside a network. `source`: the file that says how pictures are prepared. `scale`, `bias`: per
    channel, RGB. `size`: (width, height)."""

    labels: Labels | None = None
    config: str = ""
    source: str = ""
    scale: tuple[float, float, float] | None = None
    bias: tuple[float, float, float] | None = None
    size: tuple[int, int] | None = None
    mode: ResizeMode | None = None


def read_beside(network: Path, *, labels: bool) -> Beside:
    """Read what lies beside `network`. A file that is something else is left out. `labels`: whether labels are looked for.
    Raises ModelError for a label file that cannot be used."""
    config = _decoded(network, "config.json", _Config)
    preprocessor = _decoded(network, _PREPROCESSOR, _Preprocessor)
    paddle = None if preprocessor else read_paddle(network)
    named = (
        (_from_config(config) or _from_text(network) or (_from_paddle(*paddle) if paddle else None)) if labels else None
    )
    if paddle is not None:
        return _of_paddle(*paddle, labels=named)
    scale, bias = _normalisation(preprocessor) if preprocessor else (None, None)
    return Beside(
        labels=named,
        config=config.model_type[:64] if config else "",
        source=_PREPROCESSOR,
        scale=scale,
        bias=bias,
        size=_canvas(preprocessor.size) if preprocessor else None,
    )


def _of_paddle(config: PaddleConfig, source: str, *, labels: Labels | None) -> Beside:
    normalise, resize = config.step("NormalizeImage"), config.step("Resize")
    found = normalise.scale_and_bias if normalise else None
    height, width = resize.target_size if resize and len(resize.target_size) == 2 else (0, 0)
    return Beside(
        labels=labels,
        source=source,
        scale=found[0] if found else None,
        bias=found[1] if found else None,
        size=_legal(width, height),
        mode=("letterbox-topleft" if resize.keep_ratio else "stretch") if resize else None,
    )


def _from_paddle(config: PaddleConfig, source: str) -> Labels | None:
    if len(config.labels) > MAX_LABELS:
        return None
    names = {index: name for index, label in enumerate(config.labels) if (name := clean(str(label)))}
    return Labels(names=names, source=source) if names else None


def _places(network: Path, name: str) -> Iterator[Path]:
    """Yield where a file may lie: beside the network, or above the folder `onnx` that it is kept in."""
    yield network.parent / name
    if network.parent.name == "onnx":
        yield network.parent.parent / name


def _decoded(network: Path, name: str, shape: type[T]) -> T | None:
    path = next((place for place in _places(network, name) if place.is_file()), None)
    if path is None:
        return None
    try:
        return msgspec.json.decode(read_bounded(path, MAX_FILE_BYTES), type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ModelError):
        return None


def _from_config(config: _Config | None) -> Labels | None:
    if config is None or not 0 < len(config.id2label) <= MAX_LABELS:
        return None
    names = {int(key): clean(name) for key, name in config.id2label.items() if key.isdecimal() and len(key) < 9}
    names = {key: name for key, name in names.items() if name}
    return Labels(names=names, source="config.json") if names else None


def _from_text(network: Path) -> Labels | None:
    for name in (f"{network.stem}.labels.txt", "labels.txt", "classes.txt"):
        if (path := network.parent / name).is_file():
            return Labels(names=_lines(path), source=name)
    return None


def _lines(path: Path) -> dict[int, str]:
    try:
        text = read_bounded(path, MAX_FILE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path} is not UTF-8 text: one label a line, in the order of the network's classes"
        ) from error
    lines = text.rstrip().splitlines()
    if not 0 < len(lines) <= MAX_LABELS:
        raise ModelError(f"{path} has {len(lines)} lines; it must have one label a line, 1 to {MAX_LABELS}")
    return {index: name for index, line in enumerate(lines) if (name := clean(line))}


def _normalisation(
    config: _Preprocessor,
) -> tuple[tuple[float, float, float] | None, tuple[float, float, float] | None]:
    """Return scale and bias of `pixel * rescale`, minus the mean, divided by the deviation; or None, None if they are not there."""
    factor = config.rescale_factor if config.do_rescale else 1.0
    if not config.do_normalize:
        return (factor, factor, factor), (0.0, 0.0, 0.0)
    mean, std = config.image_mean, config.image_std
    if mean is None or std is None or not all(abs(value) > 1e-9 for value in std):
        return None, None
    return (
        (factor / std[0], factor / std[1], factor / std[2]),
        (-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]),
    )


def _canvas(size: _Size | int | None) -> tuple[int, int] | None:
    """Return (width, height). Where only the shorter side is known, the canvas has the shape 4:3, between the usual cameras'."""
    if isinstance(size, int):
        return _legal(size, size)
    if size is None:
        return None
    if size.height and size.width:
        return _legal(size.width, size.height)
    longer = min(size.longest_edge or size.shortest_edge * 4 // 3, size.shortest_edge * 4 // 3)
    return _legal(longer // 32 * 32, size.shortest_edge)


def _legal(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if 1 <= width <= 4096 and 1 <= height <= 4096 else None
