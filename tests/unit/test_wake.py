"""Tests of the bell by which one thread wakes another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framehop.pipeline.wake import Wake, readable


def test_a_ring_stays_until_it_is_cleared() -> None:
    wake = Wake()
    assert readable([wake.fileno()], 0.0) == set()
    wake.ring()
    wake.ring()
    assert readable([wake.fileno()], 0.0) == {wake.fileno()}
    wake.clear()
    wake.clear()
    assert readable([wake.fileno()], 0.0) == set()
    wake.close()


def test_who_rings_after_the_close_wakes_nobody_and_is_told_nothing() -> None:
    wake = Wake()
    wake.close()
    wake.close()
    wake.ring()
    assert wake.fileno() == -1


def test_a_close_in_the_middle_of_a_ring_leaves_the_descriptor_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number could be another file's otherwise by the time that the ring writes to it."""
    wake, found = Wake(), list[str]()
    fd = wake.fileno()

    def closed_first(rung: int, _count: int) -> None:
        wake.close()
        found.append(str(Path(f"/proc/self/fd/{rung}").readlink()))

    monkeypatch.setattr(os, "eventfd_write", closed_first)
    wake.ring()
    assert found == ["anon_inode:[eventfd]"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_wake_that_nobody_closes_ends_with_its_last_user() -> None:
    wake = Wake()
    fd = wake.fileno()
    del wake
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
