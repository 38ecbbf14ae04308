"""Detect objects in a source and print what was found, frame by frame.

Usage: python run_a_source.py LOG_DIRECTORY SOURCE…
"""

import sys

import framehop


def main(log: str, *sources: str) -> None:
    for event in framehop.run(*sources, log=log, rate="max"):
        found = ", ".join(f"{item.label} {item.confidence:.2f}" for item in event.objects)
        print(f"{event.stream} #{event.seq}: {found or event.reason or 'nothing'}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
