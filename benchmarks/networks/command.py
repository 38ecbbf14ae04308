"""benchmarks/inference.py: makes the variants of a network, runs each in turns, and compares their boxes."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.accuracy.labels import Sample, read_samples
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Others, before, describe, during, look
from benchmarks.harness.processes import DEADLINE_S, ROOT, BenchmarkError
from benchmarks.networks.pictures import Pictures
from benchmarks.networks.results import FLOAT, Figures, Result, markdown
from framehop.inference import load_model
from framehop.inference.sidecar import Model

HERE = ROOT / "benchmarks" / "networks"
VERSIONS = ("framehop", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Variant:
    """A network in some interpreter. `provider`: as measure.py knows it."""

    python: str
    provider: str
    file: Path


def main() -> int:
    options = arguments()
    samples = read_samples()

    def measured(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return benchmark(options, samples, started_at, Path(directory))

    shown = partial(markdown, pictures=[sample.picture for sample in samples])
    return carry_out("inference", options, Result, measured, shown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/inference.py", description="Ways to a cheaper inference.")
    parser.add_argument("--model", default="coco-ssd", help="a model with COCO's labels [coco-ssd]")
    parser.add_argument("--tools-python", metavar="PYTHON", help="an interpreter with onnx, for int8")
    parser.add_argument("--openvino-python", metavar="PYTHON", help="an interpreter with onnxruntime-openvino")
    parser.add_argument("--rounds", type=int, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--runs", type=int, default=100, help="of the network, in each measurement [100]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/inference-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of a result kept before")
    return parser.parse_args()


def benchmark(options: argparse.Namespace, samples: list[Sample], started_at: datetime, directory: Path) -> Result:
    model = load_model(options.model).checked()
    pictures = Pictures(model)
    prepared = [pictures.prepare(sample.payload) for sample in samples]
    np.save(directory / "tensors.npy", np.stack([each.tensor for each in prepared]))
    everyone = variants(options, model, pictures, directory)
    warnings: list[str] = []
    rounds = []
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        warnings += before(look(), first=number == 0)
        order = list(everyone) if number % 2 == 0 else list(everyone)[::-1]
        with Others() as others:
            rounds.append({name: run(name, everyone[name], pictures, directory, options.runs) for name in order})
        warnings += during(others.busy_cores)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {}),
        model=model.name,
        sha256=model.sha256,
        threshold=pictures.spec.score_threshold,
        warnings=warnings,
        rounds=rounds,
        found={name: pictures.found(directory / f"{name}.npz", samples, prepared) for name in everyone},
    )


def variants(options: argparse.Namespace, model: Model, pictures: Pictures, directory: Path) -> dict[str, Variant]:
    found = {FLOAT: Variant(sys.executable, "cpu", model.file)}
    if options.openvino_python:
        found["float32, OpenVINO"] = Variant(options.openvino_python, "openvino", model.file)
    if options.tools_python:
        int8 = directory / "int8.onnx"
        calibration = pictures.calibration(directory / "calibration.npy")
        words = [model.file, pictures.spec.input.name, calibration, directory / "folded.onnx", int8]
        output([options.tools_python, str(HERE / "quantise.py"), *map(str, words)])
        found["int8, ONNX Runtime"] = Variant(sys.executable, "cpu", int8)
        if options.openvino_python:
            found["int8, OpenVINO"] = Variant(options.openvino_python, "openvino", int8)
    return found


def run(name: str, variant: Variant, pictures: Pictures, directory: Path, runs: int) -> Figures:
    words = [variant.provider, variant.file, pictures.spec.input.name, directory / "tensors.npy", runs]
    words += [directory / f"{name}.npz", *pictures.post.outputs]
    printed = output([variant.python, str(HERE / "measure.py"), *map(str, words)])
    figures = msgspec.json.decode(printed.strip().splitlines()[-1], type=Figures)
    if variant.provider == "openvino" and "OpenVINO" not in figures.provider:
        raise BenchmarkError(f"{name} ran on {figures.provider}: the figures are void")
    say(f"  {name}: {figures.by_lanes['1'].cpu_ms:.2f} CPU-ms")
    return figures


def output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command[:3])}: {error.stderr[-800:]}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{' '.join(command[:3])} did not end within {DEADLINE_S:.0f} s") from error
    return done.stdout
