"""Collects every choice of recognition with the reason for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One choice. `key`: as in `model.yaml`, as `resize.mode`; `value`: what was chosen, as text; `why`: a clause."""

    key: str
    value: str
    why: str


class ReasonedChoices:
    """The choices so far. What the sidecar says comes before what was found. Use from one thread."""

    def __init__(self, sidecar: Path | None) -> None:
        self._said_by = sidecar.name if sidecar else ""
        self.reasons: list[Reason] = []

    def take(self, key: str, said: T | None, found: T, why: str) -> T:
        """Return `said`, the sidecar's value, unless it is None, else `found`; either is noted with its reason."""
        value, because = (found, why) if said is None else (said, f"{self._said_by} says so")
        self.reasons.append(Reason(key=key, value=_shown(value), why=because))
        return value


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        some = ", ".join(f"{key}: {each}" for key, each in list(value.items())[:_SHOWN])
        return f"{some} and {len(value) - _SHOWN} more" if len(value) > _SHOWN else some or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
