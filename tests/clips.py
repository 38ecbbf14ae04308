"""Films for tests: H.264 and H.265 files whose every picture tells its number."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

BITS = 10  # of the number, as blocks of a row: bright is 1
BLOCK = 16
SIZE = (BITS * BLOCK, 64)


def numbered(number: int) -> NDArray[np.uint8]:
    """Return a picture that tells its number, uint8 [64, 160, 3]."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            pixels[:, bit * BLOCK : (bit + 1) * BLOCK] = 215
    return pixels


def number_in(pixels: NDArray[np.uint8]) -> int:
    """Read the number of a picture of any scale."""
    height, width = pixels.shape[:2]
    columns = [round((bit + 0.5) * width / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, x in enumerate(columns) if pixels[height // 2, x].mean() > 127)


def write_film(
    path: Path,
    count: int,
    *,
    codec: str = "libx264",
    params: str = "keyint=10:min-keyint=10:scenecut=0",
    bframes: int = 0,
) -> Path:
    """Write pictures 0 to `count` - 1 at 25 per second. `params`: as x264 and x265 have them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        if codec.startswith("libx"):
            stream.codec_context.options = _options(codec, params, bframes)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts = number
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def trimmed(film: Path, path: Path, cut: int) -> Path:
    """Write a film of 25 pictures per second as phones trim one: an edit list cuts away its first `cut` pictures, which stay."""
    with (
        av.open(str(film)) as source,
        av.open(str(path), "w", container_options={"avoid_negative_ts": "disabled"}) as target,
    ):
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.stream = video
                steps = round(cut / 25 / packet.time_base)
                packet.pts, packet.dts = packet.pts - steps, packet.dts - steps
                target.mux(packet)
    return path


def write_changing(path: Path, sizes: Sequence[tuple[int, int]], count: int) -> Path:
    """Write an MPEG transport stream whose pictures change their size in mid-stream: `count` of each size, numbered on. `sizes`:
    multiples of SIZE."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_mux_stream("h264", rate=25)
        assert isinstance(stream, VideoStream)
        for part, size in enumerate(sizes):
            for packet in _encoded(range(part * count, (part + 1) * count), size):
                packet.stream = stream
                container.mux(packet)
    return path


def _encoded(numbers: Iterable[int], size: tuple[int, int]) -> Iterator[av.Packet[VideoStream]]:
    """Encode numbered pictures to H.264 with a key frame each second."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = _options("libx264", "keyint=25:min-keyint=25:scenecut=0", 0)
    for number in numbers:
        pixels = np.kron(numbered(number), np.ones((size[1] // SIZE[1], size[0] // SIZE[0], 1), np.uint8))
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _options(codec: str, params: str, bframes: int) -> dict[str, str]:
    name, quiet = ("x264-params", "") if codec == "libx264" else ("x265-params", ":log-level=none")
    return {name: f"{params}:bframes={bframes}:b-adapt=0{quiet}", "preset": "veryfast"}


def remuxed(film: Path, path: Path, **options: str) -> Path:
    """Write the same packets into another container. `options`: of its format."""
    with av.open(str(film)) as source, av.open(str(path), "w", options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


def playlist(film: Path, folder: Path) -> list[Path]:
    """Write a film as a playlist, live.m3u8, and return its segments of a second each."""
    options = {"hls_time": "1", "hls_list_size": "0"}
    with av.open(str(film)) as source, av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as target:
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
    return [folder / f"live{number}.ts" for number in range(10)]


def encrypted(film: Path, path: Path) -> Path:
    """Write the film as those who sell films do: its pictures encrypted, and its container in the clear."""
    key = {"encryption_key": "7" * 32, "encryption_kid": "9" * 32}
    return remuxed(film, path, encryption_scheme="cenc-aes-ctr", **key)


def turned(film: Path, degrees: int) -> Path:
    """Write the matrix of a rotation into the header of the only track, as a phone does."""
    data = film.read_bytes()
    at = data.index(b"tkhd") + 4 + 4 + 36
    turn = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1)}[degrees]
    a, b, c, d = (value << 16 for value in turn)
    film.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :])
    return film
