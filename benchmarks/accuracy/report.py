"""The record of a comparison, and its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from benchmarks.accuracy.choice import RULES, THRESHOLDS, by_stream, choose, overall
from benchmarks.accuracy.labels import Picture
from benchmarks.accuracy.scoring import Found, Tally
from benchmarks.accuracy.settings import Settings
from benchmarks.harness.machine import Machine

SCHEMA = 1


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The objects found in each picture with some settings, in the order of the labels. `threshold`: the only one that the boxes
    are for; None means each from the lowest on."""

    settings: Settings
    threshold: float | None = None
    found: list[list[Found]]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `runs`: the model's own settings come first."""

    benchmark: str = "default-model"
    schema: int = SCHEMA
    started_at: str
    machine: Machine
    model: str
    sha256: str
    lowest: float
    runs: list[Run]


def chosen_threshold(pictures: Sequence[Picture], run: Run) -> float:
    return choose({at: overall(pictures, run.found, at) for at in THRESHOLDS})


def markdown(result: Result, pictures: Sequence[Picture]) -> str:
    own = result.runs[0]
    machine, chosen = result.machine, chosen_threshold(pictures, own)
    objects, nothing = sum(len(one.objects) for one in pictures), sum(one.is_empty for one in pictures)
    return "\n".join(
        [
            f"{result.started_at[:10]}, {result.model}, ONNX Runtime {machine.versions['onnxruntime']}, {machine.cpu}; "
            f"{len(pictures)} pictures, {objects} objects, {nothing} pictures with nothing in them. F1 at IoU 0.5, and in "
            "brackets the false boxes on the pictures with nothing.",
            "",
            *_table("settings", _rows(pictures, result.runs)),
            "",
            *_table("rule", ((name, _cells(pictures, own, name)) for name in RULES)),
            "",
            *_streams(pictures, own),
            "",
            f"Chosen for {own.settings}: {chosen:g}.",
        ]
    )


def _table(first: str, rows: Iterable[tuple[str, list[str]]]) -> list[str]:
    head = [first, *(f"{at:g}" for at in THRESHOLDS)]
    return [_row(head), _row(["---"] * len(head)), *(_row([name, *cells]) for name, cells in rows)]


def _rows(pictures: Sequence[Picture], runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    """Yield a row for each settings; runs for one threshold each share theirs."""
    for settings in dict.fromkeys(run.settings for run in runs):
        rows = [_cells(pictures, run) for run in runs if run.settings == settings]
        yield str(settings), ["".join(cells) for cells in zip(*rows, strict=True)]


def _cells(pictures: Sequence[Picture], run: Run, rule: str = "none") -> list[str]:
    return [_cell(pictures, run, at, rule) if run.threshold in {None, at} else "" for at in THRESHOLDS]


def _cell(pictures: Sequence[Picture], run: Run, at: float, rule: str) -> str:
    tally = overall(pictures, run.found, at, RULES[rule])
    return f"{tally.f1:.3f} ({tally.false_on_empty})"


def _streams(pictures: Sequence[Picture], run: Run) -> list[str]:
    """Return a table of the model's own settings: by stream F1, and how many pictures had an object drawn."""
    columns = [by_stream(pictures, run.found, at) for at in THRESHOLDS]
    names = ((stream, f"{stream}, {tally.pictures} pictures") for stream, tally in columns[0].items())
    return _table("stream: F1, pictures with an object", ((title, _stream(columns, name)) for name, title in names))


def _stream(columns: Sequence[dict[str, Tally]], name: str) -> list[str]:
    return [f"{column[name].f1:.2f}, {column[name].shown}" for column in columns]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
