"""Tests what benchmarks/instructions.py makes of counts. The loops themselves are run by CTest."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.harness.processes import BenchmarkError
from benchmarks.hot_loops.command import KEPT
from benchmarks.hot_loops.counting import collected
from benchmarks.hot_loops.results import Counts, comparable, table, worse


def counts(compiler: str = "c++ 12", **loops: int) -> Counts:
    return Counts(compiler=compiler, libjpeg="2.1.5", processor="any", commit="", counts=loops)


def test_a_loop_that_takes_more_is_named() -> None:
    kept = counts(same=1000, little=1000, more=1000, less=1000)
    now = counts(same=1000, little=1020, more=1021, less=500, new=7)
    assert worse(kept, now) == ["more"]


def test_counts_of_another_compiler_prove_nothing() -> None:
    assert comparable(counts(a=1), counts(a=2))
    assert not comparable(counts(a=1), counts("c++ 13", a=1))


def test_the_table_has_what_is_new_and_what_is_gone() -> None:
    lines = table(counts(old=2000, both=1000), counts(new=5, both=1100)).splitlines()[2:]
    assert lines == ["| both | 1,100 | 1,000 | 1.100 |", "| new | 5 |  |  |", "| old | gone | 2,000 | |"]


def test_the_count_is_read_from_valgrinds_report() -> None:
    assert collected("==7== Events    : Ir\n==7== Collected : 123456\n") == 123456
    with pytest.raises(BenchmarkError, match="no count: nothing"):
        collected("nothing")


def test_the_kept_counts_can_be_read() -> None:
    assert msgspec.json.decode(KEPT.read_bytes(), type=Counts).counts
