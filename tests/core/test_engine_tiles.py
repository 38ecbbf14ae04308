"""Tiles in the engine: small objects that only tiles show, and that a tiled picture is treated like any other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from framehop.errors import ConfigError
from framehop.inference import load_model, sample_picture
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.spec import NmsSpec
from framehop.inference.tiles import Size
from framehop.inference.tiling import Pixels, Tiling
from framehop.types import BatchTimings, Detections, Need
from tests import tiny_model
from tests.tiny_model import picture

SMALL = 160
PLACES = [(60, 80), (420, 60), (860, 120), (200, 420), (585, 300), (1010, 430)]


def crowd() -> Pixels:
    """A large picture with the sample picture in six places, each an eighth of it wide."""
    canvas = np.full((640, 1280, 3), 96, np.uint8)
    with Image.open(io.BytesIO(sample_picture())) as image:
        small = np.asarray(image.convert("RGB").resize((SMALL, SMALL), Image.Resampling.LANCZOS))
    for x, y in PLACES:
        canvas[y : y + SMALL, x : x + SMALL] = small
    return canvas


def persons(tiles: str, seen: Pixels) -> NDArray[np.float32]:
    with Engine(
        load_model("coco-ssd"), EngineOptions(provider="cpu", threads=1, classes=["person"], conf=0.5, tiles=tiles)
    ) as engine:
        [found] = engine.detect([seen])
    return found.boxes


def hits(boxes: NDArray[np.float32]) -> list[int]:
    """Return how many boxes have their centre in each place."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return [int(((centres >= place) & (centres <= np.add(place, SMALL))).all(axis=1).sum()) for place in PLACES]


def test_small_objects_are_found_in_tiles_and_only_there_each_once() -> None:
    seen = crowd()
    assert hits(persons("", seen)) == [0] * len(PLACES)
    for tiles in ("2x1", "4x3"):
        assert hits(persons(tiles, seen)) == [1] * len(PLACES)


def test_a_large_object_is_found_as_without_tiles() -> None:
    with Image.open(io.BytesIO(sample_picture())) as image:
        large = np.asarray(image.convert("RGB"))
    [[alone], tiled] = persons("", large), persons("3x3", large)
    np.testing.assert_allclose(tiled[0], alone, atol=1.0)


def engine(directory: Path, tiles: str, *, max_batch: int = 4) -> Engine:
    model = load_model(tiny_model.write_model(directory))
    return Engine(model, EngineOptions(provider="cpu", threads=1, max_batch=max_batch, tiles=tiles))


def test_boxes_of_a_tile_lie_in_the_sources_pixels(tmp_path: Path) -> None:
    seen = picture(0, width=8, height=4)
    seen[:, 4:] = (255, 0, 0)
    with engine(tmp_path, "2x1,overlap=0,whole=no") as detector:
        [found] = detector.detect([seen], [(80, 40)])
        assert found.boxes.tolist() == [[60, 0, 80, 40]], "the right half of the right tile"
        assert detector.detect([]) == []


def test_the_decoder_leaves_enough_pixels_for_every_tile(tmp_path: Path) -> None:
    with engine(tmp_path, "3x2,overlap=0.5") as detector:
        assert detector.need == Need(width=8, height=3)
        assert detector.runs_per_picture == 7
    with engine(tmp_path, "") as detector:
        assert (detector.need, detector.runs_per_picture) == (Need(width=4, height=2), 1)


def test_pictures_keep_their_order_and_a_bad_tile_fails_its_own_alone(tmp_path: Path) -> None:
    good, bad, nothing = picture(255, width=8), picture(255, width=8), picture(0, width=8)
    bad[:, 4:] = (255, 0, 255)
    with engine(tmp_path, "2x1,overlap=0") as detector:
        found = detector.detect([good, bad, nothing, good])
    assert [result.error for result in found] == ["", "bad_output", "", ""]
    assert [len(result.boxes) for result in found] == [3, 0, 0, 3]
    assert sorted(found[3].boxes[:, 0].tolist()) == [2, 4, 6], (
        "the right halves of the left tile, the whole and the right tile"
    )


def test_what_is_no_grid_is_refused_before_the_network_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tiles must be"):
        engine(tmp_path, "3by2")


class Recorder:
    """Stands in for the engine: keeps what it is shown, and finds nothing."""

    def __init__(self) -> None:
        self.views: list[Pixels] = []

    def __call__(self, pictures: Sequence[Pixels], sizes: Sequence[Size]) -> list[Detections]:
        self.views += pictures
        assert [(view.shape[1], view.shape[0]) for view in pictures] == list(sizes)
        return [
            Detections(
                boxes=np.empty((0, 4), np.float32),
                scores=np.empty(0, np.float32),
                label_ids=np.empty(0, np.int32),
                timings=BatchTimings(batch_size=2, preprocess_us=index // 2, infer_us=10, postprocess_us=1),
            )
            for index in range(len(pictures))
        ]


def test_tiles_are_views_of_the_pictures_own_memory() -> None:
    seen, recorder = crowd(), Recorder()
    Tiling.of("3x2", NmsSpec(), max_objects=5).detect([seen], [(1280, 640)], recorder)
    assert len(recorder.views) == 7
    assert all(np.shares_memory(view, seen) for view in recorder.views)


def test_the_times_of_a_picture_are_those_of_all_its_batches() -> None:
    tiling = Tiling.of("2x1", NmsSpec(), max_objects=5)
    first, second = tiling.detect([picture(0, width=8)] * 2, [(8, 2)] * 2, Recorder())
    assert first.timings == BatchTimings(batch_size=2, preprocess_us=0 + 1, infer_us=20, postprocess_us=2)
    assert second.timings == BatchTimings(batch_size=2, preprocess_us=1 + 2, infer_us=20, postprocess_us=2)
