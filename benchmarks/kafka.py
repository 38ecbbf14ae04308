"""Frames into Kafka and out of it: framehop against a bare C loop, Kafka's own tools and other Python clients, in one command.

    python benchmarks/kafka.py --bootstrap 127.0.0.1:9092 --rounds 5

What is measured, how, and what it does not show: benchmarks/README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # started by its path: the modules are found from the root
    from benchmarks.kafka_io.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
