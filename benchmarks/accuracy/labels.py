"""Reads the pictures that people labelled; how they did is in tests/labelled/README.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.harness.processes import ROOT, BenchmarkError
from framehop.sources import SourceOptions, parse_source

LABELS = ROOT / "tests" / "labelled" / "coco.json"
Box = tuple[float, float, float, float]


class Labelled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object. `box`: x1, y1, x2, y2 in pixels of the picture. `label` may be empty where boxes are to be ignored: it stands for
    every label then."""

    label: str
    box: Box


class Picture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frame and what is in it. `source`: as framehop takes it, with `{file}` for the path of `file` in the installed `package`.
    `width`, `height`: of the frame, in pixels. `ignore`: places where a found box is neither right nor wrong."""

    stream: str
    package: str
    file: str
    source: str
    seq: int
    width: int
    height: int
    objects: list[Labelled]
    ignore: list[Labelled]

    @property
    def is_empty(self) -> bool:
        """Whether nobody could name anything in it."""
        return not self.objects and not self.ignore


class Sample(NamedTuple):
    """A labelled picture and its JPEG."""

    picture: Picture
    payload: bytes


def read_samples(path: Path = LABELS) -> list[Sample]:
    """Read the labels and the pictures, in the order of the file. Raises BenchmarkError for a picture that is not there, or is of
    another size than the labels were drawn for."""
    pictures = msgspec.json.decode(path.read_bytes(), type=list[Picture])
    by_source = defaultdict(list)
    for picture in pictures:
        by_source[_source(picture)].append(picture)
    samples = {id(one.picture): one for source, wanted in by_source.items() for one in _read(source, wanted)}
    return [samples[id(picture)] for picture in pictures]


def _source(picture: Picture) -> str:
    return picture.source.format(file=_installed(picture.package, picture.file)) if picture.file else picture.source


def _installed(package: str, name: str) -> Path:
    for file in metadata.files(package) or []:
        if file.name == name:
            return Path(str(file.locate()))
    raise BenchmarkError(f"the labels need {name} of the package {package}: pip install 'framehop[demo]'")


def _read(source: str, wanted: Sequence[Picture]) -> Iterator[Sample]:
    """Read a source once from its start to the last picture that is wanted."""
    by_seq = {picture.seq: picture for picture in wanted}
    for seq, taken in enumerate(parse_source(source, SourceOptions(codec="jpeg")).pictures()):
        if picture := by_seq.pop(seq, None):
            if (taken.width, taken.height) != (picture.width, picture.height):
                raise BenchmarkError(
                    f"{source}, frame {seq} has {taken.width}x{taken.height} pixels, and the labels were drawn for"
                    f" {picture.width}x{picture.height}: install the package's version that they were drawn for"
                )
            yield Sample(picture, bytes(taken.payload))
        if not by_seq:
            return
    raise BenchmarkError(f"{source} ends before frame {min(by_seq)}")
