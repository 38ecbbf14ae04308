"""Says which policy each stream has, and how far detection is behind where nothing is skipped for being late."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from framehop.cli.output import note
from framehop.cli.units import shown_age
from framehop.policies import Policy

NAMED = 3  # streams of a policy that are named; the others are counted
BEHIND_S = 5.0  # less may be a pause of the machine
AGAIN_S = 60.0


def policies_line(policies: Mapping[str, Policy], live: frozenset[str]) -> str:
    """Return one line that names each policy and its streams. `live`: those whose source has no end."""
    streams: dict[str, list[str]] = {}
    for stream, policy in policies.items():
        kind = "live" if stream in live else "finite"
        skips_none = "" if policy.kind != "all" else " (no frame is skipped)"
        streams.setdefault(f"{policy}{skips_none} for {{}} ({kind})", []).append(stream)
    return "policy: " + "; ".join(text.format(_named(names)) for text, names in sorted(streams.items()))


def _named(streams: list[str]) -> str:
    more = len(streams) - NAMED
    return ", ".join(streams[:NAMED]) + (f" and {more} more" if more > 0 else "")


class BehindNote:
    """Says on stderr that detection is behind by more than a few seconds, and how far, once a minute. Used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = clock()

    def update(self, behind_s: float) -> None:
        """Take a new figure. `behind_s`: how old the frames are that are looked at next."""
        if behind_s >= BEHIND_S and self._clock() >= self._next_s:
            self._next_s = self._clock() + AGAIN_S
            note(behind_line(behind_s) + "; --policy latest skips what is not the newest")


def behind_line(behind_s: float) -> str:
    """Return how far detection is behind, in a sentence."""
    return f"frames are looked at {shown_age(behind_s)} after they came, since their policy skips none for being late"
