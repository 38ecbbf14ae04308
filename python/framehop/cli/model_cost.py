"""Says what a picture costs: how often the network runs for it, and how long that takes here."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from framehop.inference import Network
from framehop.inference.recognise import Plan, run_ms
from framehop.inference.tiles import Tiles

Size = tuple[int, int]

_WHOLE = Tiles(columns=1, rows=1)
_TYPICAL: tuple[Size, ...] = ((1280, 720), (1920, 1080), (3840, 2160))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCost:
    """The cost of pictures of one size, (width, height) in pixels. `tile`: the size of a tile, or of the picture if it is not cut.
    `pixels`: of a tile's width and height, that one pixel of the network's input stands for."""

    picture: Size
    runs: int
    tile: Size
    pixels: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of a picture. `runs`: of the network, at most. `run_ms`: of one of them, on this machine's CPU and alone on it.
    `decode`: the (width, height) below which a picture is not decoded. `sizes`: at usual sizes of pictures."""

    runs: int
    run_ms: float
    decode: Size
    sizes: list[SizeCost]

    @property
    def picture_ms(self) -> float:
        """The time for all runs, one after another."""
        return self.runs * self.run_ms

    def described(self) -> dict[str, object]:
        """Return what `--json` prints."""
        return {**asdict(self), "picture_ms": round(self.picture_ms, 3)}


def cost_of(network: Network, plan: Plan, tiles: str) -> Cost:
    """Measure the cost of a picture. `tiles`: as the user typed it, empty for none. Raises ConfigError for tiles that cannot be,
    ModelError."""
    grid = Tiles.parse(tiles) if tiles else _WHOLE
    size = plan.spec.input.width, plan.spec.input.height
    return Cost(
        runs=grid.runs,
        run_ms=round(run_ms(network, plan.spec), 3),
        decode=grid.decode_size(size),
        sizes=[_at(grid, picture, size) for picture in _TYPICAL],
    )


def _at(grid: Tiles, picture: Size, network: Size) -> SizeCost:
    tiles = grid.cut(picture)
    width, height = tiles[-1].size
    pixels = round(width / network[0], 2), round(height / network[1], 2)
    return SizeCost(picture=picture, runs=len(tiles), tile=(width, height), pixels=pixels)
