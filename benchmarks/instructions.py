"""Instructions that the hot C++ loops take, counted by valgrind, against those that are kept: the same on a busy machine.

    python benchmarks/instructions.py            # builds, counts, compares; ends with status 1 if a loop takes 2 % more
    python benchmarks/instructions.py --keep     # and keeps the new counts

What is counted, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.hot_loops.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
