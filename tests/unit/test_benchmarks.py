"""The benchmark runs, compares the boxes it says it compares, and computes what it says. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.harness.machine import Load, before, during
from benchmarks.harness.processes import BenchmarkError, cpu_by_process
from benchmarks.whole_worker.boxes import agreement, compare
from benchmarks.whole_worker.command import PEERS, STAGES, STAGES_BUSY, arguments, same_boxes
from benchmarks.whole_worker.report import IN_KAFKA, OURS, TUTORIAL, summarise
from benchmarks.whole_worker.results import Box, Measured, Result, Round, Run
from benchmarks.whole_worker.span import Span, parser_of_span, span_of
from benchmarks.whole_worker.stages import INFER, INFER_BUSY, OTHERS
from benchmarks.whole_worker.workload import MODEL

ROOT = Path(__file__).resolve().parents[2]
CAT = Box(17, 0.8, (10.0, 20.0, 110.0, 220.0))


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Started elsewhere, as a user might."""
    program = [sys.executable, str(ROOT / "benchmarks" / "pipeline.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.timeout(600)  # a dozen processes load a network, one after the other, and many tests may run beside them
def test_one_command_measures_compares_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "results" / "pipeline.json"
    small = ["--rounds", "1", "--frames", "6", "--slots", "4", "--streams", "3", "--size", "400x300"]
    done = command(*small, "--json", kept)
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(kept.read_bytes(), type=Result)
    [taken] = result.rounds
    assert taken.order == [OURS, *PEERS, STAGES, STAGES_BUSY]
    assert set(taken.runs) == {OURS, *PEERS}
    assert set(taken.stages) == {*OTHERS, *INFER}
    assert set(taken.stages_busy) == {*OTHERS, *INFER_BUSY}
    assert taken.compared > 0
    assert {"worker-0", "detector-0"} < set(taken.runs[OURS].cpu_s)
    assert [taken.runs[name].frames for name in PEERS] == [6] * len(PEERS)
    assert 6 <= taken.runs[OURS].frames <= result.workload.frames + result.workload.tail
    assert set(result.summary.fps_ratio) == set(PEERS)
    assert result.machine.cores > 0
    assert command("--show", kept).stdout == done.stdout


def test_a_span_goes_through_a_command_line() -> None:
    span = Span(Path("a log"), first=3, frames=4, model="strange one.onnx", max_batch=1)
    assert span_of(parser_of_span(None).parse_args(span.words())) == span


# ---------------------------------------------------------------- same boxes


def check(ours: list[Box], theirs: list[Box]) -> tuple[int, int]:
    return compare({"a/0": ours, "a/1": []}, {"a/0": theirs}, threshold=0.5, peer="bare")


def moved(box: Box, *, score: float = 0.0, side: float = 0.0, label_id: int = 0) -> Box:
    x1, *rest = box.sides
    return Box(box.label_id + label_id, box.score + score, (x1 + side, rest[0], rest[1], rest[2]))


def test_boxes_within_the_tolerance_are_equal() -> None:
    assert check([CAT], [moved(CAT, score=0.0005, side=-0.02)]) == (1, 0)


@pytest.mark.parametrize(
    "theirs",
    [[], [CAT, CAT], [moved(CAT, score=0.01)], [moved(CAT, side=1.0)], [moved(CAT, label_id=1)]],
    ids=["none", "twice", "score", "side", "label"],
)
def test_other_boxes_make_the_figures_void(theirs: list[Box]) -> None:
    with pytest.raises(BenchmarkError, match="differ in a/0"):
        check([CAT], theirs)


def test_a_box_at_the_threshold_may_be_on_one_side_only() -> None:
    assert check([CAT, Box(1, 0.5003, CAT.sides)], [CAT]) == (1, 1)


def test_a_frame_without_an_event_makes_the_figures_void() -> None:
    with pytest.raises(BenchmarkError, match="no event for b/0"):
        compare({}, {"b/0": []}, threshold=0.5, peer="bare")


def test_nothing_found_by_anyone_is_no_comparison() -> None:
    with pytest.raises(BenchmarkError, match="nobody found anything"):
        same_boxes({name: Run(measured=measured(1.0), found={"a/0": []}) for name in (OURS, *PEERS)}, 0.5)


# ---------------------------------------------------------------- the objects of scripts


def agreed(ours: list[Box], theirs: list[Box]) -> float:
    return agreement({"a/0": ours, "a/1": [CAT] * 38}, {"a/0": theirs, "a/1": [CAT] * 38}, threshold=0.5, peer="script")


def test_objects_in_the_same_place_agree_though_their_pixels_were_others() -> None:
    assert agreed([CAT], [moved(CAT, score=-0.1, side=20.0)]) == 1.0


def test_a_weak_object_may_be_on_one_side_only() -> None:
    assert agreed([CAT, moved(CAT, score=-0.25, label_id=1)], [CAT]) == 1.0


def test_few_others_are_counted_and_many_make_the_figures_void() -> None:
    other = moved(CAT, label_id=1)
    assert agreed([CAT, other], [CAT, moved(CAT, side=60.0)]) == pytest.approx(78 / 80)
    with pytest.raises(BenchmarkError, match="script and framehop agree in 76 of 82 sure boxes"):
        agreed([other, other, other], [moved(CAT, side=60.0)] * 3)


def test_a_script_that_found_nothing_is_no_comparison() -> None:
    with pytest.raises(BenchmarkError, match="0 of 0"):
        agreement({"a/0": []}, {"a/0": []}, threshold=0.5, peer="script")
    with pytest.raises(BenchmarkError, match="no event for a/0"):
        agreement({}, {"a/0": [CAT]}, threshold=0.5, peer="script")


@pytest.mark.parametrize(("typed", "is_meant"), [("mine.onnx", "{here}/mine.onnx"), (MODEL, MODEL)])
def test_a_network_is_found_where_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, is_meant: str
) -> None:
    """The programs of a run work in the root of the repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pipeline.py", "--model", typed])
    assert arguments().model == is_meant.format(here=tmp_path)


def test_a_broker_is_no_peer_without_its_scripts() -> None:
    done = command("--kafka")
    assert done.returncode == 2
    assert "--peers-python" in done.stderr


def test_an_interpreter_without_the_scripts_libraries_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "python"
    empty.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    empty.chmod(0o755)
    small = ["--rounds", "1", "--frames", "4", "--slots", "4", "--streams", "2", "--size", "160x120"]
    done = command(*small, "--peers-python", empty)
    assert done.returncode == 1
    assert f"{empty} lacks what benchmarks/whole_worker/requirements.txt names" in done.stderr


# ---------------------------------------------------------------- figures


def measured(wall_s: float, cpu_s: float = 1.0) -> Measured:
    return Measured(frames=100, wall_s=wall_s, cpu_s={"one": cpu_s})


def taken_round(ours: Measured, bare: Measured, stages: dict[str, float]) -> Round:
    return Round(
        load=Load(average=0.0, busy_cores=0.0),
        order=[OURS, "bare"],
        runs={OURS: ours, "bare": bare},
        notes={},
        stages=stages,
        stages_busy={name: 2 * stages[name] for name in (*OTHERS, *INFER_BUSY)},
        compared=1,
        borderline=0,
        others_busy_cores=0.0,
    )


def test_ratios_are_taken_within_a_round_and_the_limit_is_the_hardest() -> None:
    stages = dict.fromkeys(OTHERS, 1.0) | dict.fromkeys(INFER, 9.0) | {INFER[1]: 7.0}
    rounds = [
        taken_round(measured(2.0, 2.0), measured(1.0, 1.0), stages),
        taken_round(measured(4.0, 3.0), measured(2.0, 1.0), stages),
    ]
    summary = summarise(rounds, cores=2)
    assert summary.fps_ratio["bare"].median == summary.fps_ratio["bare"].highest == 0.5
    assert (summary.cpu_ratio["bare"].lowest, summary.cpu_ratio["bare"].highest) == (2.0, 3.0)
    assert summary.raw_stages == [*OTHERS, INFER[1]]
    assert summary.raw_cpu_ms.median == 10.0
    # 50 and 25 frames/s of 10 ms each, on two cores
    assert (summary.efficiency[OURS].highest, summary.efficiency[OURS].lowest) == (0.25, 0.125)
    assert summary.raw_busy_stages == [*OTHERS, INFER_BUSY[1]]
    assert (summary.efficiency_busy[OURS].highest, summary.efficiency_busy[OURS].lowest) == (0.5, 0.25)
    # 2 of 2 seconds and 3 of 4, of two cores
    assert (summary.cores_used[OURS].highest, summary.cores_used[OURS].lowest) == (0.5, 0.375)


def test_a_script_that_reads_from_kafka_is_compared_with_framehop_in_kafka() -> None:
    runs = {OURS: measured(1.0), IN_KAFKA: measured(2.0, 3.0), TUTORIAL: measured(4.0, 9.0)}
    stages = dict.fromkeys((*OTHERS, *INFER), 1.0)
    taken = msgspec.structs.replace(taken_round(measured(1.0), measured(1.0), stages), runs=runs)
    summary = summarise([taken], cores=2)
    assert (summary.fps_ratio[TUTORIAL].median, summary.fps_ratio[IN_KAFKA].median) == (2.0, 2.0)
    assert summary.cpu_ratio[TUTORIAL].median == pytest.approx(1 / 3, abs=1e-3)


def test_a_busy_machine_is_named() -> None:
    busy = Load(average=3.0, busy_cores=0.9)
    assert len(before(busy, first=True)) == 2
    assert len(before(busy, first=False)) == 1
    assert before(Load(average=0.5, busy_cores=0.01), first=True) == []
    assert during(0.9)
    assert not during(0.01)


def test_cpu_is_counted_for_the_process_and_its_children() -> None:
    program = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    script = f'"$0" -c "{program}" --name child-7; exit'
    with subprocess.Popen(
        ["/bin/sh", "-c", script, sys.executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.read(1) == b"."
        used = cpu_by_process(shell.pid)
    assert set(used) == {"sh", "child-7"}
    assert all(seconds >= 0 for seconds in used.values())
