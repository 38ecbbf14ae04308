"""The pictures and the network that a program of a run gets, by its command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple


class Span(NamedTuple):
    """The pictures `first` to `first + frames - 1` of a log, and the network that looks at them, at `max_batch` at once at most."""

    log: Path
    first: int
    frames: int
    model: str
    max_batch: int

    def words(self) -> list[str]:
        """Return it as arguments of a command line."""
        return [
            *("--log", str(self.log)),
            *("--first", str(self.first)),
            *("--frames", str(self.frames)),
            *("--model", self.model),
            *("--max-batch", str(self.max_batch)),
        ]


def parser_of_span(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows the arguments of a span. More may be added."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--max-batch", type=int, required=True)
    return parser


def span_of(options: argparse.Namespace) -> Span:
    return Span(options.log, options.first, options.frames, options.model, options.max_batch)
