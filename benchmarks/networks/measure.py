"""Runs a network on tensors in a fresh process, with ONNX Runtime and NumPy alone:
python measure.py cpu|openvino MODEL INPUT TENSORS.npy RUNS OUTPUTS.npz NAME…. It prints its figures as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime


def session(provider: str, model: str) -> onnxruntime.InferenceSession:
    """Open the network with one thread for each run, as framehop's lanes have."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if provider == "cpu":
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    one_thread = {"device_type": "CPU", "num_of_threads": "1"}
    return onnxruntime.InferenceSession(model, options, providers=[("OpenVINOExecutionProvider", one_thread)])


def main() -> None:
    provider, model, name, tensors_at, runs, outputs_at, *outputs = sys.argv[1:]
    opened, tensors = session(provider, model), np.load(tensors_at)
    found = [opened.run(outputs, {name: tensor[None]}) for tensor in tensors]
    stacked = {output: np.concatenate([run[at] for run in found]) for at, output in enumerate(outputs)}
    np.savez(outputs_at, **stacked)  # type: ignore[arg-type]  # NumPy's stub reserves the last keyword

    def work(count: int) -> None:
        for number in range(count):
            opened.run(outputs, {name: tensors[number % len(tensors)][None]})

    count, cores = int(runs), len(os.sched_getaffinity(0))
    figures = {}
    for lanes in sorted({1, cores}):
        with ThreadPoolExecutor(lanes) as pool:
            began_s, used_s = time.perf_counter(), time.process_time()
            list(pool.map(work, [count] * lanes))
            wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - used_s
        figures[str(lanes)] = {"wall_s": wall_s, "cpu_s": cpu_s, "runs": count * lanes}
    active = opened.get_providers()[0]
    print(json.dumps({"provider": active, "version": onnxruntime.__version__, "by_lanes": figures}))


if __name__ == "__main__":
    main()
