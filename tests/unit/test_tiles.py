"""The geometry of tiles: every pixel is seen, neighbours overlap as asked, and no tile leaves the picture."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.errors import ConfigError
from framehop.inference.tile_merge import inner_ends
from framehop.inference.tiles import Tile, Tiles

SIDES = st.integers(1, 400)
GRIDS = st.builds(
    Tiles,
    columns=st.integers(1, 8),
    rows=st.integers(1, 8),
    overlap=st.integers(0, 50).map(lambda percent: percent / 100),
    whole=st.booleans(),
)


@given(GRIDS, SIDES, SIDES)
def test_every_pixel_lies_in_a_tile_and_every_tile_in_the_picture(grid: Tiles, width: int, height: int) -> None:
    seen = np.zeros((height, width), np.int32)
    tiles = [tile for tile in grid.cut((width, height)) if tile.size != (width, height) or not grid.whole]
    for tile in tiles or grid.cut((width, height)):
        assert min(tile) >= 0
        assert min(tile.size) >= 1
        assert tile.x + tile.width <= width
        assert tile.y + tile.height <= height
        seen[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
    assert seen.min() >= 1


@given(GRIDS, SIDES, SIDES)
def test_neighbours_share_at_least_the_overlap(grid: Tiles, width: int, height: int) -> None:
    tiles = [tile for tile in grid.cut((width, height)) if tile.size != (width, height)]
    for starts, side in ((sorted({t.x for t in tiles}), "width"), (sorted({t.y for t in tiles}), "height")):
        for left, right in pairwise(starts):
            length = getattr(tiles[0], side)
            least = int(length * Fraction(round(grid.overlap * 100), 100))
            assert length - (right - left) >= least


@given(GRIDS, SIDES, SIDES)
def test_no_tile_comes_twice_and_there_are_never_more_than_it_says(grid: Tiles, width: int, height: int) -> None:
    tiles = grid.cut((width, height))
    assert len(set(tiles)) == len(tiles)
    assert len(tiles) <= grid.runs
    if width >= 100 and height >= 100:
        assert len(tiles) == grid.runs
    assert (tiles[0] == Tile(0, 0, width, height)) or not grid.whole


@given(GRIDS, SIDES, SIDES)
def test_a_picture_of_the_decode_size_has_tiles_as_large_as_the_network(grid: Tiles, width: int, height: int) -> None:
    enough = grid.decode_size((width, height))
    assert all(tile.width >= width and tile.height >= height for tile in grid.cut(enough))
    assert enough[0] < width * grid.columns + 1
    assert enough[1] < height * grid.rows + 1


def test_a_grid_as_one_would_draw_it() -> None:
    assert Tiles(columns=2, rows=1, overlap=0.0, whole=False).cut((10, 4)) == [Tile(0, 0, 5, 4), Tile(5, 0, 5, 4)]
    assert Tiles(columns=2, rows=2, overlap=0.5).cut((9, 6)) == [
        Tile(0, 0, 9, 6),
        Tile(0, 0, 6, 4),
        Tile(3, 0, 6, 4),
        Tile(0, 2, 6, 4),
        Tile(3, 2, 6, 4),
    ]
    assert Tiles(columns=1, rows=1).cut((10, 4)) == [Tile(0, 0, 10, 4)]


def test_a_picture_with_fewer_pixels_than_tiles() -> None:
    grid = Tiles(columns=8, rows=8, whole=False)
    assert grid.cut((1, 1)) == [Tile(0, 0, 1, 1)]
    assert grid.cut((3, 1)) == [Tile(0, 0, 1, 1), Tile(1, 0, 1, 1), Tile(2, 0, 1, 1)]


def test_a_view_is_the_pictures_own_memory() -> None:
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    view = Tile(1, 2, 3, 2).view(picture)
    assert np.shares_memory(view, picture)
    assert view.tolist() == picture[2:4, 1:4].tolist()


def test_only_ends_at_inner_edges_count() -> None:
    picture = (200, 100)
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60], [1.9, 40, 60, 60], [40, 40, 98.1, 60]], np.float32)
    left, right = Tile(0, 0, 100, 100), Tile(100, 0, 100, 100)
    assert inner_ends(left, boxes, picture).nonzero()[0].tolist() == [0, 3]
    assert inner_ends(right, boxes, picture).nonzero()[0].tolist() == [0, 2]
    assert inner_ends(right, boxes, picture)[0].tolist() == [True, False, False, False]
    assert not inner_ends(Tile(0, 0, *picture), boxes, picture).any()


def test_what_is_typed() -> None:
    assert Tiles.parse("3x2") == Tiles(columns=3, rows=2, overlap=0.2, whole=True)
    assert Tiles.parse("8x1,overlap=0.35") == Tiles(columns=8, rows=1, overlap=0.35)
    assert Tiles.parse("2x2,whole=no,overlap=0") == Tiles(columns=2, rows=2, overlap=0.0, whole=False)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2", "x", "0x1", "9x1", "2x2x2", "-1x1", "2X2", " 2x2", "²x²", "2x2\n", "2x" + "2" * 5000),
        *("2x2,", "2x2,overlap", "2x2,overlap=", "2x2,overlap=0.51", "2x2,overlap=-0.1", "2x2,overlap=nan"),
        *("2x2,overlap=1e9", "2x2,overlap=0.1.2", "2x2,whole=maybe", "2x2,hole=no", "2x2,overlap=0,whole=no,overlap=0"),
    ],
)
def test_what_is_no_grid_is_said(text: str) -> None:
    with pytest.raises(ConfigError, match="tiles must be columns x rows, each 1 to 8, as 3x2") as caught:
        Tiles.parse(text)
    assert len(str(caught.value)) < 300
