"""Leaves out the packets of a transport stream that come out of their turn."""

from __future__ import annotations

from collections.abc import Iterator

from framehop.sources.container import InputContainer
from framehop.sources.live.losses import Losses
from framehop.sources.units import VideoPacket

OUT_OF_TURN = "pictures that came out of their turn"


def may_lose_turns(container: InputContainer) -> bool:
    """Return whether packets may come out of their turn: only those of transport streams do, in a playlist or not."""
    return container.format.name in {"mpegts", "hls"}


def in_turn(packets: Iterator[VideoPacket], losses: Losses) -> Iterator[VideoPacket]:
    """Pass on the packets that come in their turn, and count the others. Where the video of a transport stream comes another way,
    FFmpeg keeps the last unit of the old way until the connection ends. It would then be decoded behind pictures that it does not
    belong to."""
    newest: int | None = None  # decoding time since the last key frame
    for packet in packets:
        dts = packet.dts
        if dts is not None and newest is not None and dts < newest and not packet.is_keyframe:
            losses.add(OUT_OF_TURN)
            continue
        newest = newest if dts is None else dts
        yield packet
