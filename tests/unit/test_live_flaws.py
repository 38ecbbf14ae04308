"""Films behind an address, told apart from cameras."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from framehop.sources.live.flaws import is_film


@pytest.mark.parametrize(
    ("size", "film"),
    [(188_000, True), (1000, True), (2**31 - 1, False), (0, False), (-78, False), (None, False)],
)
def test_what_has_bytes_to_its_end_is_a_film(size: int | None, film: bool) -> None:
    """Some versions of PyAV have no number where the length is not known, others an error of FFmpeg."""
    container: Any = SimpleNamespace(duration=None, size=size, format=SimpleNamespace(name="mpegts"))
    assert is_film(container) is film
