"""Finds how the pictures of a film have to be turned and mirrored to be upright."""

from __future__ import annotations

import struct
from typing import Any

from framehop.sources.container import FFmpegError, InputContainer, Packet, VideoFrame, VideoStream, lacks_memory

Matrix = tuple[int, int, int, int]

# These equal `matrix_of` for a turn by degrees, without mirrors.
_TURNS = {-90: (0, 1, -1, 0), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), -180: (-1, 0, 0, -1)}


def matrix_of(frame: VideoFrame) -> Matrix:
    """Return how a stored pixel's column and row move when it is shown: by (a, b) per column and (c, d) per row, the upper left of
    FFmpeg's display matrix."""
    try:
        found: Any = _tiny(frame).side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know some side data, such as the Exif of a phone's JPEG
        return _TURNS.get(frame.rotation, (1, 0, 0, 1))
    if found is None or len(data := bytes(found)) < 20:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack_from("5i", data)
    return a, b, c, d


def _tiny(frame: VideoFrame) -> VideoFrame:
    """Return a copy of a few pixels with the same side data. Once a frame has been asked for these, it and they refer to each
    other, and the collector, which sees none of the pixels' megabytes, lets hundreds of such frames pile up."""
    try:
        return frame.reformat(width=2, height=2)
    except (FFmpegError, ValueError):  # pixels that cannot be converted
        return frame


def orientation_of(container: InputContainer) -> int:
    """Return how a film's pictures are to be turned, as an Exif orientation, by the first from here on that can be decoded; 1 if
    none can."""
    try:
        packet = next(container.demux(video=0), None)
        frame = (packet and _alone(packet)) or next(container.decode(video=0), None)
    except FFmpegError as error:
        if lacks_memory(error):
            raise
        frame = None
    return 1 if frame is None else _exif(matrix_of(frame))


def orientation_in(packet: Packet[VideoStream]) -> int:
    """Return the same by the key frame in `packet`, which stays as it is. Resets the stream's own decoder."""
    frame = _alone(packet)
    return 1 if frame is None else _exif(matrix_of(frame))


def _alone(packet: Packet[VideoStream]) -> VideoFrame | None:
    """Return the picture in a packet if it can be decoded without others. A decoder that is drained gives it at once, where it
    would first wait for those that are shown before it. Resets the stream's own decoder."""
    decoder = packet.stream.codec_context
    try:
        frames = [*decoder.decode(packet), *decoder.decode(None)]
    except FFmpegError as error:
        if lacks_memory(error):
            raise
        frames = []
    decoder.flush_buffers()
    return frames[0] if frames else None


def _exif(matrix: Matrix) -> int:
    """Return the Exif orientation. Any other angle than a right one is taken as the nearest right angle."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        return {(True, True): 5, (False, True): 6, (False, False): 7, (True, False): 8}[c >= 0, b >= 0]
    return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[a >= 0, d >= 0]
