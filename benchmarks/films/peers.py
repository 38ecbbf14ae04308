"""The loops that users write with OpenCV, for an interpreter that has it: python peers.py encode|decode FILM, detect MODEL FILM…"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np


def frames_of(path: str) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(path)
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield frame


def encode(paths: list[str]) -> Iterator[int]:
    for frame in frames_of(paths[0]):
        yield len(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def decode(paths: list[str]) -> Iterator[int]:
    for frame in frames_of(paths[0]):
        yield frame.nbytes


def detect(paths: list[str]) -> Iterator[int]:
    """One film after the other through the network, one picture at a time."""
    import onnxruntime

    model, *films = paths
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    kind = np.uint8 if "uint8" in given.type else np.float32
    for path in films:
        for frame in frames_of(path):
            picture = cv2.cvtColor(cv2.resize(frame, (300, 300)), cv2.COLOR_BGR2RGB).astype(kind)[None]
            session.run(None, {given.name: picture if given.shape[-1] == 3 else picture.transpose(0, 3, 1, 2)})
            yield frame.nbytes


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    what, *paths = sys.argv[1:]
    if what != "detect":
        cv2.setNumThreads(1)
    assert all(Path(path).exists() for path in paths)
    began, used = time.monotonic(), cpu_s()
    sizes = list({"encode": encode, "decode": decode, "detect": detect}[what](paths))
    run = {"wall_s": time.monotonic() - began, "cpu_s": cpu_s() - used, "frames": len(sizes), "bytes": sum(sizes)}
    print(json.dumps(run))


if __name__ == "__main__":
    main()
