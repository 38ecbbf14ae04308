"""`framehop bench hop` can measure every way that is installed, and leaves nothing behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from framehop.bench import hop
from framehop.bench.hop import measure
from framehop.bench.trips import SlotTrips, Way
from framehop.bench.works import SEND, SENDER, SENT, SENT_COPIED, WORKS, missing, ways_of

TRIPS = 3


@pytest.mark.parametrize(("work", "who"), [(work, who) for work in WORKS for who in ways_of(work, missing())])
def test_every_way_can_be_measured(work: str, who: str, tmp_path: Path) -> None:
    """Its processes are threads here: starting them takes longer than all else."""
    tmp_path.chmod(0o700)
    way = WORKS[work].ways[who]()
    heard = Event()
    with way.near(tmp_path) as trips, ThreadPoolExecutor(max(1, way.readers)) as others:
        numbers = range(way.readers if way.far else 0)
        answered = [others.submit(_answer, way, tmp_path, number, heard) for number in numbers]
        try:
            taken = [*trips(1), *trips(TRIPS)]
        finally:
            heard.set()
        for each in answered:
            each.result()
    assert len(taken) == 1 + TRIPS
    assert min(taken) > 0
    if isinstance(trips, SlotTrips):
        assert (work, trips.copies) == (SEND, {SENDER: 0, SENT: 0, SENT_COPIED: 1}[who])


def _answer(way: Way, place: Path, number: int, heard: Event) -> None:
    """Answer the trips, and stay until the answers were heard: closing cuts off what is on its way."""
    assert way.far is not None
    with way.far(place, number) as answers:
        answers(1)
        answers(TRIPS)
        heard.wait(60)


def test_a_round_has_every_way_of_a_work_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(hop, "WORKS", {SEND: WORKS[SEND]})
    said: list[str] = []
    result = measure(1, said.append, share=0.02)
    (taken,) = result.rounds
    assert {work: set(runs) for work, runs in taken.runs.items()} == {SEND: {SENDER, SENT, SENT_COPIED}}
    assert all(run.p50_us > 0 for runs in taken.runs.values() for run in runs.values())
    assert all(run.near_cpu_us <= run.cpu_us for runs in taken.runs.values() for run in runs.values())
    assert set(result.ratios) == {SEND}
    assert result.copies == {SENDER: 0, SENT: 0, SENT_COPIED: 1}
    assert list(tmp_path.iterdir()) == []
