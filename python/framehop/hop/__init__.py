"""The hop between two processes of a host: descriptors of pictures in a ring go to whoever looks at them, and answers come back.
Beside it, frames between hosts: keys, messages, and a receiver that needs no C++. Sender and receiver in C++ are
framehop.FrameSender and framehop.FrameReceiver."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framehop._core import FrameRequest, HopClient, HopGreeting, HopReply, HopServer

__all__ = ["FrameRequest", "HopClient", "HopGreeting", "HopReply", "HopServer"]


def __getattr__(name: str) -> object:
    """Load the core with the first of its names: framehop.hop.plain goes without it."""
    if name not in __all__:
        raise AttributeError(f"module 'framehop.hop' has no attribute {name!r}")
    return getattr(importlib.import_module("framehop._core"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
