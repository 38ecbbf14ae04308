"""Finds the packets of a transport stream that come out of their turn."""

from __future__ import annotations

from framehop.sources.container import InputContainer
from framehop.sources.units import VideoPacket

OUT_OF_TURN = "pictures that came out of their turn"


class Turns:
    """Where the video of a transport stream comes another way, FFmpeg keeps the last unit of the old way until the connection
    ends. It would then be decoded behind pictures that it does not belong to. Use from one thread."""

    def __init__(self, container: InputContainer) -> None:
        self._asked = container.format.name in {"mpegts", "hls"}
        self._newest: int | None = None  # decoding time since the last key frame

    def is_out(self, packet: VideoPacket) -> bool:
        """Return whether a packet should have come earlier."""
        if not self._asked or packet.dts is None:
            return False
        if self._newest is None or packet.is_keyframe or packet.dts >= self._newest:
            self._newest = packet.dts
            return False
        return True
