"""Tests of the bell by which one thread wakes another."""

from __future__ import annotations

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
