"""Carries a benchmark's command out: shows a result that was kept before, or measures, keeps the result and prints it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.harness.processes import ROOT, BenchmarkError

R = TypeVar("R", bound=msgspec.Struct)


def carry_out(
    name: str,
    options: argparse.Namespace,
    kind: type[R],
    measure: Callable[[datetime], R],
    markdown: Callable[[R], str],
) -> int:
    """Return the command's exit status. `name`: of the script and its results. `options`: has `show` and `json`. `measure`: gets
    the moment at which it starts."""
    if options.show:
        print(markdown(msgspec.json.decode(options.show.read_bytes(), type=kind)))
        return 0
    started_at = datetime.now(UTC)
    try:
        result = measure(started_at)
    except BenchmarkError as error:
        say("\n".join([f"benchmarks/{name}.py: {error}", *getattr(error, "__notes__", ())]))
        return 1
    except KeyboardInterrupt:
        say("interrupted: nothing is kept")
        return 130
    path = options.json or fresh_path(name, started_at)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(markdown(result))
    say(f"kept in {path}")
    return 0


def fresh_path(name: str, started_at: datetime) -> Path:
    """Return the result's path: it has the date, and the time as well if there is a result of that day."""
    results = ROOT / "benchmarks" / "results"
    path = results / f"{name}-{started_at:%Y-%m-%d}.json"
    return results / f"{name}-{started_at:%Y-%m-%d-%H%M%S}.json" if path.exists() else path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
