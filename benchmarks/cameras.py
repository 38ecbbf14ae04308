"""Cameras that never wait, more and more of them: how late is the answer, and how many can there be. One command.

    python benchmarks/cameras.py --rounds 3

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.open_loop.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
