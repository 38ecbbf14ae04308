"""The detector process against a bare loop of `session.run`, with batches, lanes, and one picture at a time. One command.

    python benchmarks/detector.py

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.batching.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
