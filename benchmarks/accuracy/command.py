"""The command: runs the default model with every settings over the labelled pictures, and keeps what it found."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.accuracy.labels import LABELS, Sample, read_samples
from benchmarks.accuracy.report import Result, Run, markdown
from benchmarks.accuracy.settings import LOWEST, Settings, every_settings, find_with
from benchmarks.harness.machine import describe
from benchmarks.harness.processes import ROOT, BenchmarkError
from framehop._core import __version__ as framehop_build
from framehop.inference import Network, load_model
from framehop.inference.recognise import recognise
from framehop.inference.sidecar import Model

MODEL = "coco-ssd"
VERSIONS = ("onnxruntime", "numpy", "scikit-image", "scikit-video", "av")


def main() -> int:
    options = _arguments()
    started_at = datetime.now(UTC)
    try:
        samples = read_samples(options.labels)
        result = _shown(options.show) if options.show else _compare(options.model, samples, started_at, options.own)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    if not options.show:
        _keep(result, options.json or ROOT / "benchmarks" / "results" / f"default-model-{started_at:%Y-%m-%d}.json")
    print(markdown(result, [sample.picture for sample in samples]))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/default_model.py", description="Settings of a COCO model, compared by F1 on labelled pictures."
    )
    parser.add_argument("--model", default=MODEL, help=f"a model with COCO's labels [{MODEL}]")
    parser.add_argument("--labels", type=Path, default=LABELS, metavar="FILE", help="default: tests/labelled/coco.json")
    parser.add_argument("--own", action="store_true", help="with the model's own settings alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/default-model-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the tables of a result kept before")
    return parser.parse_args()


def _shown(path: Path) -> Result:
    return msgspec.json.decode(path.read_bytes(), type=Result)


def _compare(name: str, samples: list[Sample], started_at: datetime, own_alone: bool) -> Result:
    model = load_model(name)
    own = own_settings(model)
    others = [] if own_alone else [settings for settings in every_settings() if settings != own]
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {"framehop": framehop_build}),
        model=model.name,
        sha256=model.sha256,
        lowest=LOWEST,
        runs=[_run(settings, at, model, samples) for settings in (own, *others) for at in settings.thresholds],
    )


def own_settings(model: Model) -> Settings:
    """Return the settings that the model has by itself."""
    with Network.open(model) as network:
        spec = recognise(network, model).spec
    return Settings(resize=spec.resize.mode, iou=spec.nms.iou, class_agnostic=spec.nms.class_agnostic)


def _run(settings: Settings, threshold: float | None, model: Model, samples: list[Sample]) -> Run:
    print(settings, threshold or "", file=sys.stderr)
    return Run(settings=settings, threshold=threshold, found=find_with(settings, model, samples, threshold))


def _keep(result: Result, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(result) + b"\n")
    print(f"kept in {path}", file=sys.stderr)
