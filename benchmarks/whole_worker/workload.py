"""The frames: one log, made once, of which every run gets the same pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.processes import BenchmarkError
from framehop import open_log
from framehop.sources import parse_source
from framehop.types import Frame, FrameKey

PICTURES = ("astronaut", "chelsea", "coffee", "motorcycle_left")
MODEL = "coco-ssd"
_FLUSH_S = 120.0


class Item(NamedTuple):
    """A frame by name, and its JPEG."""

    frame: str
    payload: bytes


def make_log(where: Path | str, *, frames: int, streams: int, width: int, height: int) -> int:
    """Append `frames` JPEGs, stream after stream in turn; returns their bytes.

    Every stream cuts from one picture to the next with each frame. So any stretch of the log has the same mix of pictures, in
    whatever order the streams are read.
    """
    made = islice(pictures(streams, width, height), frames)
    return write_log(where, made, streams=streams, width=width, height=height)


def write_log(where: Path | str, jpegs: Iterable[bytes], *, streams: int, width: int, height: int) -> int:
    """Append these JPEGs, stream after stream in turn; return their bytes."""
    total = 0
    with open_log(where) as log, log.writer() as writer:
        epochs = {name: writer.open_stream(name, source="benchmark", finite=True).epoch for name in _names(streams)}
        for place, payload in enumerate(jpegs):
            stream = _names(streams)[place % streams]
            key = FrameKey(stream, epochs[stream], place // streams)
            frame = Frame(
                key=key, payload=payload, captured_us=key.epoch, received_us=key.epoch, width=width, height=height
            )
            if not writer.append(frame, timeout_s=_FLUSH_S):
                raise BenchmarkError(f"the log in {where} takes no frames: {writer.stalled}")
            total += len(payload)
        if not writer.flush(_FLUSH_S):
            raise BenchmarkError(f"the log in {where} did not acknowledge its frames: {writer.stalled}")
    return total


def read_items(path: Path, first: int, count: int) -> list[Item]:
    """Frames `first` to `first + count - 1` in the order in which they were appended, copied into memory."""
    with open_log(path, create=False) as log:
        metas = sorted(log.scan_frames(), key=lambda meta: (meta.key.seq, meta.key.stream))
        items = []
        for meta in metas[first : first + count]:
            record = log.read_frame(meta.pointer)
            assert record is not None
            assert record.payload is not None
            items.append(Item(name_of(meta.key), bytes(record.payload)))
    return items


def name_of(key: FrameKey) -> str:
    """Return the frame's name without the epoch, which says only when the log was made."""
    return f"{key.stream}/{key.seq}"


def _names(streams: int) -> list[str]:
    return [f"camera-{number:03}" for number in range(streams)]


def pictures(streams: int, width: int, height: int) -> Iterator[bytes]:
    pans = [parse_source(f"pan:{_installed(name)}?size={width}x{height}") for name in PICTURES]
    for seq, views in enumerate(zip(*(pan.pictures() for pan in pans), strict=True)):
        for stream in range(streams):
            yield views[(stream + seq) % len(views)].payload


def _installed(name: str) -> Path:
    """One of scikit-image's pictures, from the installed distribution's own list of files."""
    for file in metadata.files("scikit-image") or []:
        if file.as_posix() == f"skimage/data/{name}.png":
            return Path(str(file.locate()))
    raise BenchmarkError(f"the benchmark needs scikit-image's {name}.png: pip install 'framehop[demo]'")
