"""Leaves out the packets of a transport stream that come out of their turn."""

from __future__ import annotations

import time
from collections.abc import Iterator

from framehop.budgets import GROUP_S
from framehop.errors import SourceAwayError
from framehop.sources.container import InputContainer
from framehop.sources.live.connecting import Connecting
from framehop.sources.units import VideoPacket

OUT_OF_TURN = "pictures that came out of their turn"
# The time stamps of a transport stream have 33 bits and begin anew after 26.5 hours, which FFmpeg evens out only once.
_ROUND = 1 << 33


def may_lose_turns(container: InputContainer) -> bool:
    """Return whether packets may come out of their turn: only those of transport streams do, in a playlist or not."""
    return container.format.name in {"mpegts", "hls"}


def in_turn(packets: Iterator[VideoPacket], how: Connecting) -> Iterator[VideoPacket]:
    """Pass on the packets that come in their turn, and count those from before the last key frame. Where the video of a transport
    stream comes another way, FFmpeg keeps the last unit of the old way until the connection ends. It would then be decoded behind
    pictures that it does not belong to. Raises SourceAwayError when nothing else comes for long, as where time stamps step back and
    no key frame follows."""
    key: int | None = None  # decoding time of the last key frame
    out_s = 0.0  # since when none has come in its turn; 0 while they do
    for packet in packets:
        dts = packet.dts
        if dts is not None and packet.is_keyframe:
            key = dts
        elif dts is not None and key is not None and 0 < (key - dts) % _ROUND < _ROUND // 2:
            how.losses.add(OUT_OF_TURN)
            now_s = time.monotonic()
            out_s = out_s or now_s
            if now_s - out_s > GROUP_S:
                raise SourceAwayError(f"{how.name} has sent only {OUT_OF_TURN} for {GROUP_S:.0f} s")
            continue
        out_s = 0.0
        yield packet
