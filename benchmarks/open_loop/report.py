"""Turns rounds into tables: by load, and the most cameras that everybody holds."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.spread import spread
from benchmarks.open_loop.results import OF_USE_MS, ON_TIME_MS, PEER, Latency, Result, Round, Workload


def markdown(result: Result) -> str:
    machine, load = result.machine, result.workload
    head = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"ONNX Runtime {machine.versions['onnxruntime']}, framehop {machine.versions['framehop']} ({machine.commit}), through "
        f"{load.through}; {load.model}, {load.width}x{load.height}, {load.mean_bytes // 1000} kB, {load.fps:g} pictures per second "
        f"of each camera{_shown(load)}{_fast(load)}, for {load.seconds:g} s. Milliseconds from the moment a picture was due; "
        f"median (lowest–highest).",
        *_broker(result.rounds),
        *_served(result),
        *(["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"] if result.warnings else []),
    ]
    return "\n".join([*head, "", *_loads(result.rounds), "", *_most(result.rounds)])


def _shown(load: Workload) -> str:
    """Return what the cameras show, unless it is stills."""
    part = f", of which {','.join(f'{side:g}' for side in load.watch)} is watched" if load.watch else ""
    return f", from {' and '.join(load.films)}{part}" if load.films else ""


def _fast(load: Workload) -> str:
    return f", and {load.fast:g} of one more" if load.fast else ""


def _broker(rounds: Sequence[Round]) -> list[str]:
    used = [each for taken in rounds for each in taken.broker_ms_per_picture.values()]
    return ["", f"Beside them, the broker used {spread(used)} CPU-ms per picture."] if used else []


def _served(result: Result) -> list[str]:
    """Return what the other cameras had of framehop beside a fast one."""
    if not result.workload.fast:
        return []
    shares: dict[str, list[float]] = {}
    for name, run in (run for taken in result.rounds for run in taken.runs.items()):
        shares.setdefault(name, []).append(run.least_served)
    return [
        line
        for name, served in sorted(shares.items())
        if name != PEER
        for line in (
            "",
            f"{name} looked at {spread(served)} or more of each other camera's pictures within {OF_USE_MS:g} ms.",
        )
    ]


def _loads(rounds: Sequence[Round]) -> list[str]:
    return [
        "| cameras | who | p50 | p90 | p99 | p99.9 | longest | looked at on time | skipped | missed objects | CPU-ms per picture |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(
            _row(cameras, name, [each.runs[name] for each in rounds if each.cameras == cameras])
            for cameras in sorted({each.cameras for each in rounds})
            for name in sorted(rounds[0].runs)
        ),
    ]


def _row(cameras: int, name: str, runs: Sequence[Latency]) -> str:
    values: list[object] = [
        spread(run.p50 for run in runs),
        spread(run.p90 for run in runs),
        spread(run.p99 for run in runs),
        spread(run.p999 for run in runs),
        spread(run.longest for run in runs),
        spread(run.on_time for run in runs),
        spread(run.skipped / run.frames for run in runs),
        _missed(runs),
        spread(run.cpu_ms_per_frame for run in runs),
    ]
    return f"| {cameras} | {name} | {' | '.join(map(str, values))} |"


def _missed(runs: Sequence[Latency]) -> str:
    """Return how many objects were missed in all rounds; nothing where nobody counted."""
    objects = sum(run.objects for run in runs)
    return f"{sum(run.missed for run in runs)} of {objects}" if objects else ""


def _most(rounds: Sequence[Round]) -> list[str]:
    return [
        f"| the most cameras with p99 ≤ {ON_TIME_MS:g} ms in most rounds, and no picture unaccounted for in any | |",
        "| --- | --- |",
        *(f"| {name} | {most_cameras(rounds, name)} |" for name in sorted(rounds[0].runs)),
    ]


def most_cameras(rounds: Sequence[Round], name: str) -> int:
    """Return the largest load up to which every offered one is held; 0 if the smallest is not."""
    held = 0
    for cameras in sorted({each.cameras for each in rounds}):
        runs = [each.runs[name] for each in rounds if each.cameras == cameras]
        if any(run.unanswered for run in runs) or 2 * sum(run.holds for run in runs) <= len(runs):
            return held
        held = cameras
    return held
