"""A callback of the program around a pipeline, which can be named while it does not return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Callback(Generic[T]):
    """Calls what the program gave as `name`, and knows whether a call is under way. Thread-safe."""

    def __init__(self, name: str, call: Callable[[T], object]) -> None:
        self.name = name
        self._call = call
        self._callers: set[int] = set()

    def __call__(self, value: T) -> None:
        caller = threading.get_ident()
        self._callers.add(caller)
        try:
            self._call(value)
        finally:
            self._callers.discard(caller)

    @property
    def busy(self) -> bool:
        return bool(self._callers)


def stuck(callbacks: Iterable[Callback[Any]]) -> str:
    """Name those that do not return and say what to do, or return nothing if none is under way."""
    names = " and ".join(each.name for each in callbacks if each.busy)
    return f"{names} does not return; a callback should hand its work to a thread of yours and return" if names else ""
