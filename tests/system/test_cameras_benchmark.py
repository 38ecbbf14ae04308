"""benchmarks/cameras.py offers pictures and keeps what it measures. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.films.make import write_film
from benchmarks.open_loop.results import Result

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "benchmarks" / "cameras.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=170, check=False)


def test_one_command_measures_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "cameras.json"
    small = [
        "--cameras",
        "2",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--size",
        "64x48",
        "--also=--policy latest",
        "--fast",
        "20",
    ]
    done = command(*small, "--json", kept)
    assert done.returncode == 0, done.stderr
    [taken] = msgspec.json.decode(kept.read_bytes(), type=Result).rounds
    assert set(taken.runs) == {"framehop", "framehop --policy latest", "bare, a thread per core"}
    assert all(run.frames == 30 and not run.unanswered for run in taken.runs.values())
    assert "framehop looked at" in done.stdout
    assert command("--show", kept).stdout == done.stdout


def test_a_film_is_offered_in_place_of_stills_and_what_was_missed_is_counted(tmp_path: Path) -> None:
    film, kept = write_film(tmp_path / "street.mp4", frames=30), tmp_path / "cameras.json"
    small = [
        "--cameras",
        "2",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--size",
        "320x180",
        "--watch",
        "0,0,1,0.9",
        "--lead",
        "2",
    ]
    done = command("--film", film, "--film", film, *small, "--also=--when motion", "--json", kept)
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(kept.read_bytes(), type=Result)
    [taken] = result.rounds
    assert set(taken.runs) == {"framehop", "framehop --when motion", "bare, a thread per core"}
    assert all(run.frames == 10 and not run.unanswered for run in taken.runs.values())
    assert taken.runs["framehop"].objects == taken.runs["framehop --when motion"].objects
    assert (taken.runs["framehop"].skipped, taken.runs["framehop"].missed) == (0, 0)
    assert (result.workload.films, result.workload.watch) == (["street.mp4"] * 2, [0.0, 0.0, 1.0, 0.9])
