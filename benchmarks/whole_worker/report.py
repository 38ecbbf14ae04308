"""Turns rounds into what is published: ratios within each round, then their median and range."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.spread import Spread, spread
from benchmarks.whole_worker.results import Measured, Result, Round, Summary
from benchmarks.whole_worker.stages import INFER, OTHERS

OURS = "framehop"
IN_KAFKA, TUTORIAL = "framehop, Kafka", "script, Kafka tutorial"


def raw_stages(rounds: Sequence[Round]) -> list[str]:
    """The stages that make the limit. Of the ways to run the network the one with the least CPU: the hardest limit."""
    cheapest = min(INFER, key=lambda name: spread(each.stages[name] for each in rounds).median)
    return [*OTHERS, cheapest]


def summarise(rounds: Sequence[Round], cores: int) -> Summary:
    raw = raw_stages(rounds)
    names = sorted(rounds[0].runs, key=lambda name: (name != OURS, name))
    peers = {name: IN_KAFKA if name == TUTORIAL else OURS for name in names if name != OURS}
    return Summary(
        fps={name: spread(each.runs[name].fps for each in rounds) for name in names},
        cpu_ms_per_frame={name: spread(each.runs[name].cpu_ms_per_frame for each in rounds) for name in names},
        fps_ratio={
            name: spread(each.runs[us].fps / each.runs[name].fps for each in rounds) for name, us in peers.items()
        },
        cpu_ratio={
            name: spread(each.runs[us].cpu_ms_per_frame / each.runs[name].cpu_ms_per_frame for each in rounds)
            for name, us in peers.items()
        },
        efficiency={name: spread(efficiency(each.runs[name], each, raw, cores) for each in rounds) for name in names},
        stages_cpu_ms={name: spread(each.stages[name] for each in rounds) for name in (*OTHERS, *INFER)},
        raw_cpu_ms=spread(raw_cpu_ms(each, raw) for each in rounds),
        raw_stages=raw,
    )


def raw_cpu_ms(taken: Round, raw: Sequence[str]) -> float:
    return sum(taken.stages[name] for name in raw)


def efficiency(run: Measured, taken: Round, raw: Sequence[str], cores: int) -> float:
    """Share of the cores' time that went into what had to be done."""
    return run.fps * raw_cpu_ms(taken, raw) / 1000 / cores


def markdown(result: Result) -> str:
    """The tables of a result, with what is needed to judge them."""
    machine, load, summary = result.machine, result.workload, result.summary
    head = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"ONNX Runtime {machine.versions['onnxruntime']}, framehop {machine.versions['framehop']} ({machine.commit}); "
        f"{len(result.rounds)} rounds of {load.frames} frames, {load.width}x{load.height}, {load.mean_bytes // 1000} kB, "
        f"{load.streams} streams; ring of {load.slots}, batches of up to {load.max_batch}. Median (lowest–highest).",
        *(["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"] if result.warnings else []),
    ]
    return "\n".join([*head, "", *_runs(summary), "", *_stages(summary)])


def _runs(summary: Summary) -> list[str]:
    rows = [
        (
            name,
            fps,
            summary.cpu_ms_per_frame[name],
            summary.fps_ratio.get(name),
            summary.cpu_ratio.get(name),
            summary.efficiency[name],
        )
        for name, fps in summary.fps.items()
    ]
    return [
        "| | frames/s | CPU-ms per frame | framehop's frames/s ÷ its | framehop's CPU ÷ its | efficiency |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(name, *values) for name, *values in rows),
    ]


def _stages(summary: Summary) -> list[str]:
    return [
        "| stage alone | CPU-ms per frame |",
        "| --- | --- |",
        *(_row(name, value) for name, value in summary.stages_cpu_ms.items()),
        _row(f"limit: {' + '.join(summary.raw_stages)}", summary.raw_cpu_ms),
    ]


def _row(name: str, *values: Spread | None) -> str:
    return f"| {' | '.join([name, *('' if value is None else str(value) for value in values)])} |"
