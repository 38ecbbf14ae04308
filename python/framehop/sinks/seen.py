"""An event with the picture that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from framehop.types import Event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Pair(NamedTuple):
    event: Event
    picture: NDArray[np.uint8] | None


class Seen(_Pair):
    """An event and its picture, to be taken apart as `event, picture = seen`.

    `picture`: read-only uint8 [H, W, 3], RGB, upright and of the frame's full size, yours to keep; None when there is none. `why`:
    then the reason, else empty: `failed: …` for a failed frame, whose bytes are never decoded here, `no longer in the log` when
    retention has taken it, else `cannot be shown: …`.
    """

    why: str

    def __new__(cls, event: Event, picture: NDArray[np.uint8] | None, why: str = "") -> Self:
        seen = super().__new__(cls, event, picture)
        seen.why = why
        return seen
