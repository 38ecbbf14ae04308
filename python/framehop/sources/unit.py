"""An access unit on its way into the log."""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """An access unit in Annex B form. A tuple, because every packet of every camera becomes one, and a tuple is made four times as
    fast as a dataclass. `clean`: no picture that is shown before this key frame comes after it. `error`: why it is no access unit;
    the payload is then what came. `shows`: it holds a part of a picture."""

    payload: bytes
    keyframe: bool = False
    clean: bool = False
    error: str = ""
    shows: bool = True
