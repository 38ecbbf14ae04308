"""Tests what need not be decoded of a film because nobody wants it and nothing refers to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from framehop import _core
from framehop.decode import DecodeJob
from framehop.decode.needs import Needs
from tests.films import CLOSED, OPEN, film, moved

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


def unwanted(jobs: list[DecodeJob], places: Iterable[int]) -> list[DecodeJob]:
    chosen = set(places)
    return [replace(job, unwanted="why") if place in chosen else job for place, job in enumerate(jobs)]


def unneeded(jobs: list[DecodeJob], places: Iterable[int]) -> list[int]:
    return sorted(Needs().unneeded(unwanted(jobs, places)))


def test_of_a_chain_of_pictures_the_middle_is_needed(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    assert unneeded(jobs, range(9)) == []
    assert unneeded(jobs, range(1, 5)) == []


def test_the_end_of_a_group_is_not_needed_once_the_next_key_frame_is_there(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 30)
    assert unneeded(jobs[:10], range(4, 10)) == []
    assert unneeded(jobs[:11], range(4, 10)) == list(range(4, 10))
    assert unneeded(jobs, [4, 5, 6, 8, 9]) == [8, 9], "7 is wanted, and needs those before it"
    assert unneeded(jobs, range(25)) == list(range(20)), "whole groups"


def test_not_so_before_a_key_frame_over_which_others_reach(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 60, params=OPEN, bframes=3)
    [key] = [place for place in range(1, 20) if jobs[place].record.meta.keyframe][:1]
    reference = [place for place in range(key) if _reference(jobs[place])]
    assert not set(unneeded(jobs, range(key))) & set(reference)


@pytest.mark.parametrize(("codec", "params"), [("libx264", CLOSED), ("libx265", "keyint=10:min-keyint=10:open-gop=0")])
def test_pictures_to_which_none_refers_are_never_needed(tmp_path: Path, codec: str, params: str) -> None:
    jobs = film(tmp_path / "film.mp4", 20, codec=codec, params=params, bframes=3)
    free = [place for place, job in enumerate(jobs) if not _reference(job, codec)]
    assert len(free) > 4
    assert set(unneeded(jobs, free)) >= set(free)
    assert unneeded(jobs, []) == []


def test_a_picture_of_a_stream_with_layers_may_be_needed_by_any_above_it(tmp_path: Path) -> None:
    params = "keyint=20:min-keyint=20:open-gop=0:temporal-layers=3"
    jobs = film(tmp_path / "film.mp4", 20, codec="libx265", params=params, bframes=3)
    assert any(not _reference(job, "libx265") for job in jobs)
    assert unneeded(jobs, range(1, 20)) == []


def test_a_stream_of_which_no_key_frame_was_seen_may_have_layers(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    needs = Needs()
    assert needs.unneeded(unwanted(jobs[1:9], range(8))) == set()
    needs.unneeded(unwanted(jobs[:1], [0]))
    assert needs.unneeded(unwanted(jobs[1:9], range(8)))
    needs.keep(())
    assert needs.unneeded(unwanted(jobs[1:9], range(8))) == set()


def test_streams_are_judged_by_themselves(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    both = [job for pair in zip(jobs, moved(jobs, stream="other"), strict=True) for job in pair]
    assert unneeded(both, range(8, 20, 2)) == list(range(8, 20, 2))
    assert unneeded(both[:20], range(8, 20)) == []


def test_a_damaged_unit_is_left_to_its_decoder(tmp_path: Path) -> None:
    jobs = film(tmp_path / "film.mp4", 10, bframes=3)
    for payload in (b"", b"\x00\x00\x01", b"garbage"):
        broken = replace(jobs[2], record=replace(jobs[2].record, payload=memoryview(payload)))
        assert unneeded([*jobs[:2], broken, *jobs[3:]], [2]) == []


def _reference(job: DecodeJob, codec: str = "libx264") -> bool:
    return _core.read_access_unit("h264" if codec == "libx264" else "h265", job.payload).reference
