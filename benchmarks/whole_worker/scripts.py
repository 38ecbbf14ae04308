"""The scripts that users write with OpenCV, supervision and ONNX Runtime, for an interpreter that has them:
python scripts.py loop|threads|kafka JOB. A job is JSON, see scripted.py; a run is printed as results.Run reads it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import supervision as sv

Job = dict[str, Any]
Found = dict[str, list[list[Any]]]
_POLL_S = 1.0
_SILENT_S = 120.0


class Script:
    """One session with the runtime's own settings: a thread per core for each inference."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._session = onnxruntime.InferenceSession(job["model"], providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def detect(self, data: bytes) -> list[list[Any]]:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        resized = cv2.cvtColor(cv2.resize(picture, tuple(self._job["size"])), cv2.COLOR_BGR2RGB)
        outputs = [self._job["scores"], self._job["boxes"]]
        scores, boxes = self._session.run(outputs, {self._input: resized.astype(np.float32)[None]})
        return self._read(scores[0], boxes[0, :, 0], *picture.shape[:2])

    def _read(self, scores: np.ndarray, boxes: np.ndarray, height: int, width: int) -> list[list[Any]]:
        best = scores.max(axis=1)
        chosen = best >= self._job["threshold"]
        sides = boxes[chosen][:, [1, 0, 3, 2]] * np.array([width, height, width, height], np.float32)
        found = sv.Detections(
            xyxy=np.clip(sides, 0, [width, height, width, height]),
            confidence=best[chosen],
            class_id=scores[chosen].argmax(axis=1) + self._job["first_label_id"],
        ).with_nms(self._job["iou"], class_agnostic=True)
        return [
            [int(label), float(score), [float(side) for side in box]]
            for box, score, label in zip(found.xyxy, found.confidence, found.class_id, strict=True)
        ]


def loop(script: Script, frames: Sequence[tuple[str, bytes]]) -> Found:
    """One picture after the other."""
    return {name: script.detect(data) for name, data in frames}


def threads(script: Script, frames: Sequence[tuple[str, bytes]]) -> Found:
    """A thread per camera, as in the examples for several streams; all share the session."""
    by_stream: dict[str, list[tuple[str, bytes]]] = {}
    for name, data in frames:
        by_stream.setdefault(name.partition("/")[0], []).append((name, data))
    with ThreadPoolExecutor(len(by_stream)) as pool:
        parts = list(pool.map(lambda part: loop(script, part), by_stream.values()))
    return {name: found for part in parts for name, found in part.items()}


def tutorial(script: Script, job: Job) -> Iterator[tuple[str, list[list[Any]]]]:
    """The loop of the tutorials: poll a message, look at its picture, produce what was found; the client commits by itself."""
    from confluent_kafka import Consumer, Producer

    reader = {"group.id": job["group"], "auto.offset.reset": "earliest", "allow.auto.create.topics": False}
    consumer = Consumer({"bootstrap.servers": job["bootstrap"], **reader})
    producer = Producer({"bootstrap.servers": job["bootstrap"]})
    consumer.subscribe([job["frames_topic"]])
    heard_s = time.monotonic()
    while time.monotonic() < heard_s + _SILENT_S:
        message = consumer.poll(_POLL_S)
        if message is None or message.error():
            continue
        heard_s = time.monotonic()
        key, headers, value = (message.key() or b"").decode(), dict(message.headers() or ()), message.value() or b""
        name = f"{key}/{int(headers['ce_sequence'] or 0)}"
        found = script.detect(value)
        producer.produce(job["results_topic"], json.dumps({"frame": name, "objects": found}), key)
        producer.poll(0)
        yield name, found
    raise TimeoutError("no more messages")


def from_kafka(script: Script, job: Job) -> dict[str, Any]:
    """Measure `frames` messages, from the end of `lead` on."""
    run = tutorial(script, job)
    for _ in range(job["lead"]):
        next(run)
    return measured(lambda: dict(next(run) for _ in range(job["frames"])))


def measured(work: Any) -> dict[str, Any]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    found = work()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return {"measured": {"frames": len(found), "wall_s": wall_s, "cpu_s": {"script": cpu_s}}, "found": found}


def main() -> None:
    what, job = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    script = Script(job)
    if what == "kafka":
        run = from_kafka(script, job)
    else:
        frames = [(name, Path(path).read_bytes()) for name, path in job["pictures"]]
        script.detect(frames[0][1])
        run = measured(lambda: {"loop": loop, "threads": threads}[what](script, frames))
    print(json.dumps(run))


if __name__ == "__main__":
    main()
