"""Measures what `--when motion` finds and misses on films of fixed cameras, against looking at every frame, in one command.

    python benchmarks/motion.py FILM…

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.gate.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
