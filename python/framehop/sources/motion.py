"""Motion known in advance, in whole numbers, so that a seq has the same picture on every machine."""

from __future__ import annotations


def to_and_fro(step: int, reach: int, turn: int) -> int:
    """A place from 0 to `reach` after `step` steps: there in `turn` steps, back in as many, without end."""
    phase = step % (2 * turn)
    return (reach * min(phase, 2 * turn - phase) + turn // 2) // turn
