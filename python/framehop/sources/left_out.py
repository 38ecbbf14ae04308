"""Count what a source leaves out, by reason and with the first names, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

from framehop.account import LeftOut

NAMES = 5  # per reason; enough to find the others
REASONS = 20
OTHER = "for other reasons"
ABSENT = "a picture that the file announces and does not have"
TRIMMED = "a picture that the film's edit list cuts away"


class Tally:
    """The things that one pass has left out. Use from one thread."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Count a thing. `reason` continues "left out, ": a short phrase without the name, such as "no picture by its first
        bytes". `name`: empty for what has none."""
        if reason not in self._counts and len(self._counts) >= REASONS:
            reason = OTHER
        self._counts[reason] = self._counts.get(reason, 0) + count
        names = self._names.setdefault(reason, [])
        if name and len(names) < NAMES:
            names.append(name)

    def clear(self) -> None:
        """Begin another pass."""
        self._counts.clear()
        self._names.clear()

    @property
    def so_far(self) -> Sequence[LeftOut]:
        return [
            LeftOut(reason=reason, count=count, names=tuple(self._names[reason]))
            for reason, count in self._counts.items()
        ]
