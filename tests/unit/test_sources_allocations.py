"""FFmpeg's libraries are found wherever they were installed, so that their allocations are bounded."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from framehop.sources import allocations
from framehop.sources.allocations import bound_allocations, libraries_in

MAPS = """\
7f10a2c00000-7f10a2c21000 r--p 00000000 08:01 1311                       /usr/lib/x86_64-linux-gnu/libavutil.so.57.28.100
7f10a2c21000-7f10a2c90000 r-xp 00021000 08:01 1311                       /usr/lib/x86_64-linux-gnu/libavutil.so.57.28.100
7f10a3000000-7f10a3021000 r-xp 00000000 08:01 2077                       /home/u/My Projects/.venv/av.libs/libavutil-1a2b.so.59
7f10a4000000-7f10a4021000 r-xp 00000000 08:01 2078                       /usr/lib/x86_64-linux-gnu/libavcodec.so.59
7f10a5000000-7f10a5021000 rw-p 00000000 00:00 0
7f10a6000000-7f10a6021000 rw-p 00000000 00:00 0                          [heap]
"""


def test_the_path_of_a_library_may_have_spaces() -> None:
    found = libraries_in(MAPS)
    assert sorted(found) == [
        "/home/u/My Projects/.venv/av.libs/libavutil-1a2b.so.59",
        "/usr/lib/x86_64-linux-gnu/libavutil.so.57.28.100",
    ]


def test_a_library_that_is_no_longer_there_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade under a running program leaves it so."""
    loaded: list[str] = []

    def load(path: str, **_options: int) -> ctypes.CDLL:
        loaded.append(path)
        raise OSError(f"{path}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(allocations, "libraries_in", lambda _maps: [str(tmp_path / "libavutil.so.59 (deleted)")])
    bound_allocations()
    assert len(loaded) == 1
