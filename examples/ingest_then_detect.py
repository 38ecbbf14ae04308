"""Ingest now, detect later, prove that nothing is missing.

Usage: python ingest_then_detect.py LOG_DIRECTORY SOURCE…
"""

import sys

import framehop


def main(log: str, *sources: str) -> None:
    summary = framehop.ingest(*sources, log=log, rate="max")
    print(f"{summary.frames} frames are in the log")
    detected = sum(event.outcome == "detected" for event in framehop.detect(log, until_idle_s=1.0))
    print(f"{detected} detected")
    with framehop.open_log(log, create=False) as opened:
        report = framehop.audit(opened)
    print(f"{report.missing} missing, {report.duplicates} duplicates")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
