"""`framehop bench hop` measures every way that is installed, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.bench.hop import measure
from framehop.bench.works import WORKS, missing, ways_of


def test_every_way_can_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    said: list[str] = []
    result = measure(1, said.append, share=0.002)
    (taken,) = result.rounds
    assert {work: set(runs) for work, runs in taken.runs.items()} == {
        work: set(ways_of(work, missing())) for work in WORKS
    }
    assert all(run.p50_us > 0 for runs in taken.runs.values() for run in runs.values())
    assert {work: set(ratios) for work, ratios in result.ratios.items()} == {
        work: set(WORKS[work].ours) for work in WORKS
    }
    assert list(tmp_path.iterdir()) == []
