"""Films of JPEGs, as many cameras record them: each goes into the log as it is. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from framehop.protocols import NO_PICTURE, Picture
from framehop.sources.container import (
    FFmpegError,
    InputContainer,
    Timeline,
    VideoFrame,
    base_of,
    lacks_memory,
    open_video,
    rate_of,
)
from framehop.sources.film_file import FilmFile
from framehop.sources.film_packets import packets_of
from framehop.sources.jpegs import size_of, with_tables
from framehop.sources.raster import JPEG_MAGIC, MAX_FILE_BYTES, MAX_PIXELS
from framehop.sources.turning import matrix_of

_UPRIGHT = (1, 0, 0, 1)
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


class JpegFilm(FilmFile):
    """One film of JPEGs: every picture of its first video stream, byte for byte, and with the standard Huffman tables where it has
    none, as in AVI. What is no JPEG is a frame with an error. Pictures that a file announces and lacks are left out."""

    def __init__(self, path: Path, *, stream: str, max_pixels: int = MAX_PIXELS) -> None:
        """Read enough to tell the rate. The file is one that `holds_jpegs`. Raises SourceError."""
        super().__init__(path, stream=stream, query="codec=copy", max_pixels=max_pixels)
        with self._opened() as container:
            self.rate = rate_of(container.streams.video[0])
            self.count = container.streams.video[0].frames or None

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield pictures, always read from the file's start."""
        self._tally.clear()
        seen = 0
        with self._opened() as container:
            for data, media_us in self._jpegs(container):
                seen += 1
                if seen > start_seq:
                    yield self._picture(data, media_us)
        self._over(self.count or 0, seen)

    def _jpegs(self, container: InputContainer) -> Iterator[tuple[bytes, int]]:
        video = container.streams.video[0]
        timeline = Timeline(base_of(video), round(1_000_000 / self.rate))
        for packet in self._packets(container, video):
            if packet.size:
                yield bytes(packet) if packet.size <= MAX_FILE_BYTES else b"", timeline.place(packet.pts)

    def _picture(self, data: bytes, media_us: int) -> Picture:
        if data.startswith(JPEG_MAGIC):
            width, height = size_of(data)
            return Picture(payload=with_tables(data), media_us=media_us, width=width, height=height)
        why = "is not what a JPEG is" if data else f"has more than {MAX_FILE_BYTES} bytes, the limit"
        code = "corrupt_picture" if data else "picture_too_large"
        error = f"{code}: {self._name}: a picture {why}"
        return Picture(payload=data, media_us=media_us, content_type=NO_PICTURE, error=error)


def holds_jpegs(path: Path) -> bool:
    """Return whether a film's pictures are JPEGs that show by themselves what a player shows: not halves of interlaced pictures,
    not turned by the container, and with colours of the full range, as any JPEG's are taken. Judged by the first one. Raises
    SourceError if the file is no video."""
    with open_video(path, max_pixels=MAX_PIXELS) as container:
        video = container.streams.video[0]
        if video.codec_context.name != "mjpeg":
            return False
        for packet in packets_of(container, video, path):
            if packet.size:
                data = bytes(packet)
                try:
                    return any(_shows_itself(data, frame) for frame in packet.decode())
                except FFmpegError as error:
                    if lacks_memory(error):
                        raise
                    return False
    return False


def _shows_itself(jpeg: bytes, frame: VideoFrame) -> bool:
    return (
        size_of(jpeg) == (frame.width, frame.height)
        and matrix_of(frame) == _UPRIGHT
        and frame.color_range == _FULL_RANGE
        and not frame.interlaced_frame
    )
