"""Where things are on the page."""

from __future__ import annotations


def tile(name: str) -> str:
    return f'.tile[data-stream="{name}"]'
