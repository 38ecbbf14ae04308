"""Turns rounds into a table: framehop against each peer, by case, within each round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.batching.results import OURS, PEERS, Result, Round, added_ms
from benchmarks.harness.spread import Spread, spread
from benchmarks.whole_worker.results import Measured


def markdown(result: Result) -> str:
    machine, load = result.machine, result.workload
    head = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"ONNX Runtime {machine.versions['onnxruntime']}, framehop {machine.versions['framehop']} ({machine.commit}); "
        f"{load.model}, {load.width}x{load.height}, decoded to {load.shape[1]}x{load.shape[0]}, {load.measured} pictures in each "
        f"of {len(result.rounds)} rounds. Median (lowest–highest).",
        *(["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"] if result.warnings else []),
    ]
    return "\n".join([*head, "", *_full(result.rounds), "", *_alone(result.rounds), "", *_compared(result.rounds)])


def _full(rounds: Sequence[Round]) -> list[str]:
    return [
        "| always more to do | pictures/s | ÷ session.run | ÷ the same work | CPU-ms per picture | ÷ session.run | ÷ the same work "
        "| writer, CPU-ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(case, _full_cells(rounds, case)) for case in rounds[0].runs),
    ]


def _full_cells(rounds: Sequence[Round], case: str) -> list[Spread]:
    runs = [each.runs[case] for each in rounds]
    return [
        spread(run[OURS].full.fps for run in runs),
        *(spread(run[OURS].full.fps / run[peer].full.fps for run in runs) for peer in PEERS),
        spread(_cpu_ms(run[OURS].full, "detector") for run in runs),
        *(
            spread(_cpu_ms(run[OURS].full, "detector") / _cpu_ms(run[peer].full, "bare") for run in runs)
            for peer in PEERS
        ),
        spread(_cpu_ms(run[OURS].full, "writer") for run in runs),
    ]


def _alone(rounds: Sequence[Round]) -> list[str]:
    return [
        "| one picture at a time, ms | framehop | session.run | the same work | added to session.run | added to the same work |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(case, _alone_cells(rounds, case)) for case in rounds[0].runs),
    ]


def _alone_cells(rounds: Sequence[Round], case: str) -> list[Spread]:
    runs = [each.runs[case] for each in rounds]
    return [
        *(spread(statistics.median(run[who].alone_ms) for run in runs) for who in (OURS, *PEERS)),
        *(spread(added_ms(run[OURS], run[peer]) for run in runs) for peer in PEERS),
    ]


def _compared(rounds: Sequence[Round]) -> list[str]:
    equal, borderline = (
        sum(counts) for counts in zip(*((each.compared, each.borderline) for each in rounds), strict=True)
    )
    return [f"{equal} boxes were compared and equal, {borderline} others had a score at the threshold."]


def _row(name: str, cells: Sequence[object]) -> str:
    return f"| {name} | {' | '.join(map(str, cells))} |"


def _cpu_ms(full: Measured, process: str) -> float:
    """CPU milliseconds of one process for a picture."""
    return 1000 * full.cpu_s[process] / full.frames
