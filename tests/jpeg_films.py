"""Films of JPEGs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from framehop.testing.synthetic import jpeg

SIZE = (64, 48)
SHADES = [jpeg(*SIZE, shade=20 * number) for number in range(8)]


def film_of(path: Path, jpegs: Sequence[bytes]) -> Path:
    """Write a film of these JPEGs, 25 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", rate=25, width=SIZE[0], height=SIZE[1])
        stream.time_base = Fraction(1, 25)
        for number, data in enumerate(jpegs):
            packet = av.Packet(data)
            packet.stream = stream
            packet.time_base = Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            container.mux(packet)
    return path
