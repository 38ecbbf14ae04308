"""Ways to a cheaper inference on this CPU, int8 and OpenVINO, and what they do to the boxes, in one command.

    python benchmarks/inference.py --tools-python .venv-int8/bin/python --openvino-python .venv-openvino/bin/python

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.networks.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
