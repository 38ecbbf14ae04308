"""Measures the way from a JPEG, or from pixels, to a network's input tensor: framehop against OpenCV, NumPy and DALI, one thread
each.

    python benchmarks/preprocess.py --peers-python .venv-peers/bin/python

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.preprocessing.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
