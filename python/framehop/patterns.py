"""Patterns of stream ids, by which settings are given to streams."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from fnmatch import translate
from typing import Generic, TypeVar

from framehop.errors import ConfigError

T = TypeVar("T")

MAX_PATTERNS = 1000
_STREAMS = 4096  # as many streams keep what was found out for them
_PATTERN = re.compile(r"[A-Za-z0-9._*?-]{1,128}")


def check_patterns(what: str, patterns: Mapping[str, object]) -> None:
    """Raise ConfigError if a key is no pattern of stream ids, or if there are too many. `what`: begins the message."""
    if len(patterns) > MAX_PATTERNS:
        raise ConfigError(f"{what}: {len(patterns)} patterns of streams, and at most {MAX_PATTERNS} are allowed")
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise ConfigError(
                f"{what}: {pattern[:140]!r} is no pattern of stream ids: use 1 to 128 of A-Z a-z 0-9 . _ - and * ?"
            )


class FirstFit(Generic[T]):
    """Finds what is set for a stream: the value of the first pattern that fits. Thread-safe."""

    def __init__(self, values: Mapping[str, T]) -> None:
        """Their keys are patterns of stream ids, with `*` and `?`."""
        self._values = [(re.compile(translate(pattern)), value) for pattern, value in values.items()]
        self.of = functools.lru_cache(maxsize=_STREAMS)(self._find)

    def _find(self, stream: str) -> T | None:
        """Return what is set for `stream`; None if no pattern fits."""
        return next((value for pattern, value in self._values if pattern.fullmatch(stream)), None)
