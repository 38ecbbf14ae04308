"""Measures how long no event comes after a fault, on real brokers: a worker or a host killed, a broker killed, in one command.

    python benchmarks/recovery.py --rounds 5

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.outages.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
