"""Reads the packets of a film's file, up to where it is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from framehop.errors import SourceError
from framehop.sources.container import (
    FFmpegError,
    InputContainer,
    Packet,
    VideoStream,
    is_encrypted,
    lacks_memory,
    reason_of,
)
from framehop.sources.cut_off import is_cut_off
from framehop.sources.identity import shown


def packets_of(container: InputContainer, video: VideoStream, path: Path) -> Iterator[Packet[VideoStream]]:
    """Iterate over the packets of a film, with an empty one at its end. Raises SourceError when the film breaks off, and for one
    that is encrypted: what would be decoded of it is noise."""
    packets = packets_to_cut(container, video, path)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            raise SourceError(f"{shown(path)} cannot be read any further: {reason_of(error)}") from error
        if packet is None:
            return
        refuse_encrypted(packet, path)
        yield packet


def packets_to_cut(container: InputContainer, video: VideoStream, path: Path) -> Iterator[Packet[VideoStream]]:
    """Iterate over the packets of a film, with an empty one at its end, or where its file is cut off. Raises FFmpegError."""
    try:
        yield from container.demux(video)
    except FFmpegError as error:
        if lacks_memory(error) or not is_cut_off(path):
            raise
        yield _end_of(video)  # FFmpeg sees no end in a part of a fragment


def _end_of(video: VideoStream) -> Packet[VideoStream]:
    """Return an empty packet, at which a decoder gives what it holds."""
    packet = Packet(0)
    packet.stream = video
    return cast("Packet[VideoStream]", packet)


def refuse_encrypted(packet: Packet[VideoStream], path: Path) -> None:
    """Raise SourceError if a film's packet is encrypted."""
    if is_encrypted(packet):
        raise SourceError(f"{shown(path)} is encrypted (DRM), and its key is not known here: give a copy that is not")
