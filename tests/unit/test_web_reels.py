"""Films that somebody looks at live: each picture is its own frame's, and decoders end when nobody looks."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from framehop import _core
from framehop.protocols import FrameLog
from framehop.testing.memory_log import MemoryLog
from framehop.types import FrameKey, FrameMeta
from framehop.web import reels as reels_module
from framehop.web.reels import Reels
from tests.clips import number_in, write_film
from tests.films import CLOSED, OPEN
from tests.logged_films import ingest, numbers_of

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

COUNT = 34


def filled(path: Path, params: str = CLOSED, bframes: int = 0) -> tuple[FrameLog, list[FrameMeta], dict[FrameKey, int]]:
    """Return a log with a film among frames of another stream, its frames, and the number that each shows."""
    log = MemoryLog(partitions=1)
    ingest(log, write_film(path / "film.mp4", COUNT, params=params, bframes=bframes))
    ingest(log, write_film(path / "other.mp4", 12, params=CLOSED), stream="other")
    metas = [meta for meta in log.scan_frames() if meta.key.stream == "cam"]
    return cast(FrameLog, log), metas, numbers_of(metas)


def number_of(reels: Reels, log: FrameLog, meta: FrameMeta) -> int:
    record = log.read_frame(meta.pointer)
    assert record is not None
    return number_in(reels.still(log, record).pixels(0, 0))


@pytest.mark.parametrize(("params", "bframes"), [(CLOSED, 0), (OPEN, 3)])
@pytest.mark.parametrize("step", [1, 7])
def test_pictures_are_those_of_their_frames(tmp_path: Path, params: str, bframes: int, step: int) -> None:
    log, metas, numbers = filled(tmp_path, params, bframes)
    reels = Reels()
    with log:
        for meta in [*metas[::step], metas[2]]:  # the last one is far behind
            assert number_of(reels, log, meta) == numbers[meta.key]


def test_a_film_that_nobody_looks_at_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, metas, numbers = filled(tmp_path)
    reels = Reels()
    with log:
        number_of(reels, log, metas[0])
        assert reels.sweep()
        monkeypatch.setattr(reels_module, "REEL_IDLE_S", -1.0)
        assert not reels.sweep()
        assert number_of(reels, log, metas[5]) == numbers[metas[5].key]


def test_films_are_not_of_the_log_that_was_there_before(tmp_path: Path) -> None:
    reels = Reels()
    for _ in range(2):
        log, metas, numbers = filled(tmp_path)
        with log:
            assert number_of(reels, log, metas[5]) == numbers[metas[5].key]
