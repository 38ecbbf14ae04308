"""Turns rounds into what is published: ratios within each round, then their median and range."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.spread import Spread, spread
from benchmarks.whole_worker.results import Result, Round, Summary
from benchmarks.whole_worker.stages import INFER, OTHERS

OURS = "framehop"
IN_KAFKA, TUTORIAL = "framehop, Kafka", "script, Kafka tutorial"


def limit(costs: Sequence[dict[str, float]]) -> list[str]:
    """Return the stages that make the limit, by their costs in each round. Of the ways to run the network it is the one with the
    least CPU: the hardest limit."""
    ways = [name for name in INFER if name in costs[0]]
    return [*OTHERS, min(ways, key=lambda name: spread(each[name] for each in costs).median)]


def summarise(rounds: Sequence[Round], cores: int) -> Summary:
    names = sorted(rounds[0].runs, key=lambda name: (name != OURS, name))
    peers = {name: IN_KAFKA if name == TUTORIAL else OURS for name in names if name != OURS}
    alone, busy = [each.stages for each in rounds], [each.stages_busy for each in rounds]
    raw, raw_busy = limit(alone), limit(busy)
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
        cores_used={
            name: spread(each.runs[name].fps * each.runs[name].cpu_ms_per_frame / 1000 / cores for each in rounds)
            for name in names
        },
        efficiency=efficiencies(rounds, names, alone, raw, cores),
        stages_cpu_ms=by_name(alone),
        raw_cpu_ms=spread(sum_of(each, raw) for each in alone),
        raw_stages=raw,
        efficiency_busy=efficiencies(rounds, names, busy, raw_busy, cores),
        stages_busy_cpu_ms=by_name(busy),
        raw_busy_cpu_ms=spread(sum_of(each, raw_busy) for each in busy),
        raw_busy_stages=raw_busy,
    )


def by_name(costs: Sequence[dict[str, float]]) -> dict[str, Spread]:
    return {name: spread(each[name] for each in costs) for name in costs[0]}


def sum_of(costs: dict[str, float], names: Sequence[str]) -> float:
    return sum(costs[name] for name in names)


def efficiencies(
    rounds: Sequence[Round], names: Sequence[str], costs: Sequence[dict[str, float]], raw: Sequence[str], cores: int
) -> dict[str, Spread]:
    """Return, by who ran, the share of the cores' time that went into what had to be done."""
    needed_s = [sum_of(each, raw) / 1000 for each in costs]
    return {
        name: spread(taken.runs[name].fps * each / cores for taken, each in zip(rounds, needed_s, strict=True))
        for name in names
    }


def markdown(result: Result) -> str:
    """The tables of a result, with what is needed to judge them."""
    machine, load, summary = result.machine, result.workload, result.summary
    head = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"ONNX Runtime {machine.versions['onnxruntime']}, framehop {machine.versions['framehop']} ({machine.commit}); "
        f"{len(result.rounds)} rounds of {load.frames} frames, {load.width}x{load.height}, {load.mean_bytes // 1000} kB, "
        f"{load.streams} streams; {load.model}; ring of {load.slots}, batches of up to {load.max_batch}. Median (lowest–highest).",
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
            summary.cores_used.get(name),
            summary.efficiency[name],
            summary.efficiency_busy.get(name),
        )
        for name, fps in summary.fps.items()
    ]
    return [
        "| | frames/s | CPU-ms per frame | framehop's frames/s ÷ its | framehop's CPU ÷ its "
        "| of the cores' time | efficiency | efficiency, cores busy |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(name, *values) for name, *values in rows),
    ]


def _stages(summary: Summary) -> list[str]:
    return [
        "| stage | CPU-ms per frame, alone | while the other cores are busy |",
        "| --- | --- | --- |",
        *(_row(name, value, summary.stages_busy_cpu_ms.get(name)) for name, value in summary.stages_cpu_ms.items()),
        _row(f"limit: {' + '.join(summary.raw_stages)}", summary.raw_cpu_ms, None),
        _row(f"limit, cores busy: {' + '.join(summary.raw_busy_stages)}", None, summary.raw_busy_cpu_ms),
    ]


def _row(name: str, *values: Spread | None) -> str:
    return f"| {' | '.join([name, *('' if value is None else str(value) for value in values)])} |"
