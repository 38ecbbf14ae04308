"""Looks at the beginning of a film, before it goes into the log as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from framehop.content import VideoCodec
from framehop.errors import SourceError
from framehop.sources.container import (
    FFmpegError,
    InputContainer,
    Packet,
    VideoStream,
    base_of,
    codec_of,
    rate_of,
    reason_of,
)
from framehop.sources.film_packets import packets_to_cut, refuse_encrypted
from framehop.sources.identity import shown
from framehop.sources.units import Units

CODECS: dict[str, VideoCodec] = {"h264": "h264", "hevc": "h265"}
_LOOK = 300  # packets from which the order on the screen is learned: more than a group of pictures of most cameras
_MAX_REORDER_US = 10_000_000
# Packets at a file's start without a decoding time: as many as pictures may be out of order, and more.
_MAX_UNDATED = 32
_NO_TIMES = "it has no time stamps, which a container such as mp4 would give it"

FilmPacket: TypeAlias = "Packet[VideoStream]"  # no generic at run time


class NotPassableError(SourceError):
    """A film that can be read and cannot go into the log as it is. `why`: its codec, or what it lacks."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{shown(path)} cannot go into the log as it is: {why}; use --codec jpeg")
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmLook:
    """The facts of a film. `announced`: how many packets its index has, 0 if it has none. `size`: coded width and height.
    `delay_us`: how long after a unit's turn in the file its picture may be shown. `fields`: pictures come as two fields each."""

    codec: VideoCodec
    rate: float
    announced: int
    length_us: int
    size: tuple[int, int]
    delay_us: int
    fields: bool


def look_at(container: InputContainer, path: Path) -> FilmLook:
    """Read the first packets of a film that was just opened. Raises NotPassableError; SourceError if it is encrypted."""
    video = container.streams.video[0]
    name, rate = codec_of(video), rate_of(video)
    if name not in CODECS:
        raise NotPassableError(path, f"it is encoded with {name}, not H.264, H.265 or Motion JPEG")
    delay, fields = _order(container, video, path, rate)
    return FilmLook(
        codec=CODECS[name],
        rate=rate,
        announced=video.frames,
        length_us=max(container.duration or 0, round(video.frames / rate * 1_000_000)),
        size=(video.codec_context.width, video.codec_context.height),
        delay_us=min(_MAX_REORDER_US, max(0, round(delay * base_of(video) * 1_000_000))),
        fields=fields,
    )


def _order(container: InputContainer, video: VideoStream, path: Path, rate: float) -> tuple[int, bool]:
    """Return by how much pictures are shown after their turn, in units of the stream's time base, and whether the first one comes
    as two fields, by which the container then counts."""
    delay, packets, waited, fields = 0, 0, False, False
    try:
        units = Units[int | None](CODECS[codec_of(video)], video, shown(path.name))
        for packet, dts in islice(dated(video, packets_to_cut(container, video, path), rate), _LOOK):
            refuse_encrypted(packet, path)
            packets += 1
            if packet.pts is not None and dts is not None:
                delay = max(delay, packet.pts - dts)
            if packets > 2 and not (packet.is_keyframe or units.may_be_fields):
                _check_times([packet.pts], path)  # as taking it apart costs most of the look
                continue
            complete = [pts for pts, _ in units.take(packet, packet.pts)]
            if packets == 2:
                fields = waited and len(complete) == 1 and not units.waits
            waited = units.waits
            _check_times(complete, path)
        _check_times([pts for pts, _ in units.rest()], path)
    except FFmpegError as error:
        raise NotPassableError(path, reason_of(error)) from None
    return delay, fields


def _check_times(shown: Sequence[int | None], path: Path) -> None:
    """A second field needs none."""
    if None in shown:
        raise NotPassableError(path, _NO_TIMES)


def dated(video: VideoStream, packets: Iterable[FilmPacket], rate: float) -> Iterator[tuple[FilmPacket, int | None]]:
    """Yield packets that hold something with their decoding times. Matroska has none for the first few of a film with B-frames;
    they are what the first one that is known and the rate say."""
    period = round(Fraction(1 / rate) / base_of(video))
    waiting: list[FilmPacket] = []
    for packet in packets:
        if not packet.size:  # FFmpeg's end of a film
            continue
        if packet.dts is None and len(waiting) < _MAX_UNDATED:
            waiting.append(packet)
            continue
        yield from _filled(waiting, packet.dts, period)
        waiting = []
        yield packet, packet.dts
    yield from _filled(waiting, None, period)


def _filled(
    packets: Sequence[FilmPacket], next_dts: int | None, period: int
) -> Iterator[tuple[FilmPacket, int | None]]:
    for ahead, packet in zip(range(len(packets), 0, -1), packets, strict=True):
        yield packet, None if next_dts is None else next_dts - ahead * period
