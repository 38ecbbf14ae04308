"""Predictable motion in whole numbers, so that a seq shows the same picture on every machine."""

from __future__ import annotations


def to_and_fro(step: int, reach: int, turn: int) -> int:
    """Return a place from 0 to `reach` after `step` steps, moving there in `turn` steps and back in as many, without end."""
    phase = step % (2 * turn)
    return (reach * min(phase, 2 * turn - phase) + turn // 2) // turn
