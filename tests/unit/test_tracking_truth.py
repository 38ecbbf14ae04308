"""Tracks of what `testsrc` and `pan:` show, against where their things really are, and against ByteTrack as its paper has it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from framehop.sources.motion import to_and_fro
from framehop.sources.pan import PanSource
from framehop.sources.testsrc import _SHAPES, ShapesSource
from framehop.tracking import StreamTracker
from framehop.types import DetectedObject
from tests.byte_track import byte_track
from tests.mot import Box, Boxes, score
from tests.scenes import BEGIN_US, event, thing, tracks_in

LOST_S = 2.0  # docs/tracking.md: who was away for longer is somebody else
Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Film:
    """`found`: in each frame the boxes that a detector would find in its pixels. `truth`: where the things are."""

    fps: float
    found: list[list[Box]]
    truth: list[Boxes]


def seen(pixels: Pixels, colours: Sequence[Colour]) -> list[Box]:
    """Return the boxes around what can be seen of things, each of which has a colour of its own."""
    boxes = []
    for colour in colours:
        rows, columns = np.nonzero((pixels == colour).all(axis=2))
        if len(rows) >= 40:
            boxes.append((columns.min() - 0.0, rows.min() - 0.0, columns.max() + 1.0, rows.max() + 1.0))
    return boxes


# ---------------------------------------------------------------- the films


def card(every: int) -> Film:
    """Three rectangles that pass before one another and turn at the edges; one of `every` frames is looked at."""
    source = ShapesSource(size=(320, 180))
    seqs = range(0, 400, every)
    colours = [colour for colour, _, _ in _SHAPES]
    return Film(
        fps=source.rate / every,
        found=[seen(source.pixels(seq), colours) for seq in seqs],
        truth=[{number: _shape(number, seq, source.size) for number in range(len(_SHAPES))} for seq in seqs],
    )


def _shape(number: int, seq: int, size: tuple[int, int]) -> Box:
    (width, height), (_, across, down) = size, _SHAPES[number]
    wide, high = width // 6, height // 5
    x, y = to_and_fro(seq, width - wide, across), to_and_fro(seq, height - high, down)
    return x, y, x + wide, y + high


def pan(path: Path) -> Film:
    """A dozen things in a still picture, over which a camera moves: they come into view, and leave it."""
    chance = random.Random(5)
    canvas: Pixels = np.full((360, 640, 3), 90, np.uint8)
    places: list[tuple[Colour, Box]] = []
    for number in range(12):
        x, y = 20 + number % 4 * 160 + chance.randrange(60), 20 + number // 4 * 115 + chance.randrange(40)
        wide, high = chance.randrange(24, 60), chance.randrange(30, 64)
        colour = (200 + number, 20 * number, 255 - 20 * number)
        canvas[y : y + high, x : x + wide] = colour
        places.append((colour, (x, y, x + wide, y + high)))
    Image.fromarray(canvas).save(path)
    source = PanSource(path, stream="cam", window=0.5, rate=10.0)
    seqs = range(200)
    visits = Visits(source.rate)
    return Film(
        fps=source.rate,
        found=[seen(source.pixels(seq), [colour for colour, _ in places]) for seq in seqs],
        truth=[visits.of(seq, _in_view(source, seq, [box for _, box in places])) for seq in seqs],
    )


def _in_view(source: PanSource, seq: int, boxes: Sequence[Box]) -> Boxes:
    (x, y), (width, height) = source.offset(seq), source.size
    clipped = {
        number: (max(0.0, x1 - x), max(0.0, y1 - y), min(width, x2 - x), min(height, y2 - y))
        for number, (x1, y1, x2, y2) in enumerate(boxes)
    }
    return {
        number: box
        for number, box in clipped.items()
        if box[2] > box[0] and box[3] > box[1] and (box[2] - box[0]) * (box[3] - box[1]) >= 40
    }


class Visits:
    """Numbers things anew that were out of view for longer than a track waits for them."""

    def __init__(self, fps: float) -> None:
        self._most = LOST_S * fps
        self._last: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._count = 0

    def of(self, seq: int, boxes: Boxes) -> Boxes:
        for number in boxes:
            if number not in self._last or seq - self._last[number] > self._most:
                self._count += 1
                self._numbers[number] = self._count
            self._last[number] = seq
        return {self._numbers[number]: box for number, box in boxes.items()}


# ---------------------------------------------------------------- the tracks


def found_by(film: Film, *, missed: float, noise: float) -> list[list[DetectedObject]]:
    """Return what an imperfect detector finds: boxes tremble by `noise` pixels, and a share of them is `missed`."""
    chance = random.Random(3)
    return [
        [
            thing(tuple(round(side + chance.gauss(0, noise), 2) for side in box))  # type: ignore[arg-type]
            for box in boxes
            if chance.random() >= missed
        ]
        for boxes in film.found
    ]


@pytest.mark.parametrize(
    ("name", "mota", "idf1"),
    [
        ("testsrc", 0.95, 0.95),
        # Nothing but their way tells them apart, and they turn without a word.
        ("testsrc, six frames a second", 0.9, 0.45),
        ("pan", 0.9, 0.78),
    ],
)
def test_tracks_are_where_the_things_are(tmp_path: Path, name: str, mota: float, idf1: float) -> None:
    film = {"testsrc": lambda: card(1), "testsrc, six frames a second": lambda: card(4)}.get(
        name, lambda: pan(tmp_path / "things.png")
    )()
    events = [
        event(seq, objects, at_us=BEGIN_US + round(seq * 1e6 / film.fps))
        for seq, objects in enumerate(found_by(film, missed=0.03, noise=1.0))
    ]
    tracker = StreamTracker()
    got = score(film.truth, [tracks_in(tracker.follow(each)) for each in events])
    reference = score(film.truth, byte_track(events, lost=round(LOST_S * film.fps)))
    for who, scores in (("ours", got), ("the reference", reference)):
        print(f"{name}, {who}: MOTA {scores.mota:.3f}, IDF1 {scores.idf1:.3f}, {scores.switches} switches")
    assert got.mota >= mota
    assert got.idf1 >= idf1
    assert got.mota >= reference.mota - 0.01
    assert got.idf1 >= reference.idf1 - 0.01
