"""The scripts that users write, run by an interpreter of their own on the very same JPEGs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness.processes import DEADLINE_S, ROOT, BenchmarkError
from benchmarks.whole_worker.bare import Parts
from benchmarks.whole_worker.results import Run
from benchmarks.whole_worker.workload import Item
from framehop.inference import load_model
from framehop.inference.head_specs import SsdSpec

SCRIPTS = {"script, one loop": "loop", "script, a thread per stream": "threads"}
_HAS = "import cv2, onnxruntime, supervision, confluent_kafka"


class Scripts:
    """The interpreter of the scripts, and their pictures in files."""

    def __init__(self, python: str, directory: Path, items: Sequence[Item], *, model: str) -> None:
        """Write the pictures below `directory`. Raises BenchmarkError if the interpreter lacks what the scripts need."""
        self._python, self._directory = python, directory
        directory.mkdir()
        self._job = job_of(model) | {"pictures": [_written(directory, place, item) for place, item in enumerate(items)]}
        done = subprocess.run([python, "-c", _HAS], capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            raise BenchmarkError(
                f"{python} lacks what benchmarks/whole_worker/requirements.txt names: {' '.join(last)}"
            )

    def run(self, what: str, **more: Any) -> Run:
        """Run a script in a fresh process. `more`: what its job has beside the rest."""
        path = self._directory / f"{what}.json"
        path.write_text(json.dumps(self._job | more))
        command = [self._python, str(ROOT / "benchmarks/whole_worker/scripts.py"), what, str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        except subprocess.CalledProcessError as error:
            raise BenchmarkError(f"the script {what}: {error.stderr[-800:]}") from error
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"the script {what} did not end within {DEADLINE_S:.0f} s") from error
        return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=Run)


def job_of(model: str) -> dict[str, Any]:
    """Return what a script has to know of the network, as its user would read it off the model's page."""
    spec = Parts(model, batch=1, threads=1).spec
    head = spec.head
    if not isinstance(head, SsdSpec):
        raise BenchmarkError(f"the scripts read the outputs of an SSD, which {model} is not: leave --peers-python out")
    return {
        "model": str(load_model(model).file),
        "size": [spec.input.width, spec.input.height],
        "scores": head.scores,
        "boxes": head.boxes,
        "first_label_id": head.first_label_id,
        "threshold": spec.score_threshold,
        "iou": spec.nms.iou,
    }


def _written(directory: Path, place: int, item: Item) -> tuple[str, str]:
    path = directory / f"{place:05}.jpg"
    path.write_bytes(item.payload)
    return item.frame, str(path)
