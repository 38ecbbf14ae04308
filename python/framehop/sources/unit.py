"""An access unit on its way into the log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An access unit in Annex B form. `clean`: no picture that is shown before this key frame comes after it. `error`: why it is no
    access unit; the payload is then what came. `shows`: it holds a part of a picture."""

    payload: bytes
    keyframe: bool = False
    clean: bool = False
    error: str = ""
    shows: bool = True
