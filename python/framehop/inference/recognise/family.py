"""A family of models as recognition knows it: how to find it, and how its pictures are prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from framehop.inference.recognise.facts import Facts
from framehop.inference.spec import Colour, NmsSpec, PerChannel
from framehop.types import ResizeMode

Evidence = Literal["metadata", "names", "shapes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A family that fits a network. `head`: the keys of its head but the name. `why`: a clause. `classes`: how many classes the
    outputs have, "no object" not counted; None where the outputs do not show it."""

    head: Mapping[str, object]
    why: str
    classes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The way in which pictures are prepared. `scale`, `bias`: of float inputs; an input of bytes gets the pixels. `why`: a clause
    on these two, where they are not the family's usual ones."""

    mode: ResizeMode
    colour: Colour = "RGB"
    scale: PerChannel = 1 / 255
    bias: PerChannel = 0.0
    pad: float = 114.0
    why: str = ""


Finder = Callable[[Facts], Match | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A row of the table. `find` returns how a network's outputs bind to the head, None if it is no such network.

    `asked`: keys of `model.yaml` that no file of this family tells and that cannot be guessed. `configured`: a file beside the
    network, of Hugging Face or Paddle, says how its pictures are prepared, if there is one. `keys`: the keys of its head that
    tell it from other families with the same head. `ranges`: other scales and biases in use, taken if only they show the network
    something on the bundled picture.
    """

    title: str
    head: str
    evidence: Evidence
    find: Finder
    preparation: Preparation
    nms: NmsSpec
    threshold: float = 0.25
    asked: tuple[str, ...] = ()
    configured: bool = False
    keys: Mapping[str, object] = field(default_factory=dict)
    ranges: tuple[tuple[float, float], ...] = ()
