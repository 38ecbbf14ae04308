"""The options of an engine, and the rules for their values, which hold wherever they were typed. Importing this
imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from framehop.errors import ConfigError
from framehop.inference.providers import Provider, SessionOptions
from framehop.inference.tiles import Tiles

Preprocess = Literal["auto", "native", "dali"]

MAX_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The options of an Engine.

    Where it runs: `provider`, `threads`, `device`, `engine_cache`, `fp16`, `allow_fallback`: see SessionOptions. `max_batch`:
    pictures per run of the network, 1–256; the input tensor has room for as many. `preprocess`: see make_preprocessor.
    `side_by_side`: lanes will share the cores; where the network turns out to run on the CPU, each has one thread and one picture
    at a time, or as many as the network insists on.

    What it finds: `conf`: the least score of a box, 0–1; None means the model's own. `class_conf`: the same for single labels.
    `classes`: the only labels to look for, by name or label id; empty means all. `exclude`: labels to leave out. `tiles`: cut each
    picture, as `3x2`; see Tiles.parse. Empty means no tiles.

    Raises ConfigError for a value that no model allows.
    """

    provider: Provider = "auto"
    threads: int = 0
    max_batch: int = 8
    device: int = 0
    engine_cache: Path | None = None
    fp16: bool = False
    allow_fallback: bool = False
    preprocess: Preprocess = "auto"
    side_by_side: bool = False
    conf: float | None = None
    class_conf: Mapping[str, float] = field(default_factory=dict)
    classes: Sequence[str] = ()
    exclude: Sequence[str] = ()
    tiles: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.max_batch <= MAX_BATCH:
            raise ConfigError(f"max_batch must be 1 to {MAX_BATCH} pictures, not {self.max_batch}")
        _check_conf(self.conf, self.class_conf)
        for name in ("classes", "exclude"):
            if isinstance(getattr(self, name), str):  # it would be taken for its letters
                raise ConfigError(f"{name} must be several labels, as ({getattr(self, name)[:64]!r},), not one text")
        if self.tiles:
            Tiles.parse(self.tiles)
        self.session()

    def session(self, compute_stream: int = 0) -> SessionOptions:
        """Return the part that the session needs. `compute_stream`: see SessionOptions. Raises ConfigError."""
        return SessionOptions(
            provider=self.provider,
            threads=self.threads,
            device=self.device,
            engine_cache=self.engine_cache,
            fp16=self.fp16,
            allow_fallback=self.allow_fallback,
            compute_stream=compute_stream,
        )


def _check_conf(conf: float | None, class_conf: Mapping[str, float]) -> None:
    """Raise ConfigError unless the thresholds are 0 to 1. Whether the labels exist is not known before the model is."""
    named = {f"conf of {label[:64]!r}": of_label for label, of_label in class_conf.items()}
    for name, value in (named if conf is None else {"conf": conf, **named}).items():
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise ConfigError(f"{name} must be between 0 and 1, not {value}")
