"""Measures what films cost: at ingest, in the log, in a worker's decoder, and in a whole run, beside the loops that users write.

    python benchmarks/video.py --rounds 5

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.films.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
