"""Films of fixed cameras as JPEGs, and what the looks at them would not have shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.accuracy.scoring import Found
from benchmarks.accuracy.settings import LOWEST, find
from benchmarks.gate.judging import judge
from benchmarks.gate.views import QUALITY, frames_of, samples
from benchmarks.harness.processes import BenchmarkError
from benchmarks.open_loop.results import Latency, Run
from benchmarks.open_loop.schedule import Offer
from benchmarks.whole_worker.workload import MODEL
from framehop import encode_jpeg
from framehop.inference.engine import Engine, EngineOptions, load_model

Watch = tuple[float, float, float, float]


class Truth(NamedTuple):
    """The objects in every picture of all films, one film after another, and the threshold of the network."""

    found: list[list[Found]]
    threshold: float


def jpegs_of(film: Path, fps: float, size: tuple[int, int]) -> list[bytes]:
    """Return the film's pictures at `fps`. `size`: (width, height)."""
    jpegs = [encode_jpeg(pixels, quality=QUALITY) for pixels in frames_of(film, fps, size)]
    if not jpegs:
        raise BenchmarkError(f"{film} has no pictures")
    return jpegs


def look_at_all(jpegs: Sequence[bytes], size: tuple[int, int], watch: Watch | None) -> Truth:
    """Run the network on every picture, and keep the objects whose centre lies in the part that is watched."""
    with Engine(load_model(MODEL), EngineOptions(provider="cpu", max_batch=1, conf=LOWEST)) as engine:
        found = find(engine, samples(jpegs))
        threshold = engine.plan.spec.score_threshold
    return Truth([[one for one in here if watch is None or _lies_in(one, size, watch)] for here in found], threshold)


def _lies_in(one: Found, size: tuple[int, int], watch: Watch) -> bool:
    """Return whether the centre is inside, as `anchor: centre` of regions has it."""
    left, top, right, bottom = one.box
    x, y = (left + right) / 2 / size[0], (top + bottom) / 2 / size[1]
    return watch[0] <= x <= watch[2] and watch[1] <= y <= watch[3]


def judged(latency: Latency, run: Run, offer: Offer, truth: Truth) -> Latency:
    """Return `latency` with the objects in the pictures that count, of all cameras, and those that this run missed."""
    lead = range(offer.lead)  # it is answered beforehand, and taken for looked at
    last = offer.before + offer.frames // offer.cameras
    objects = missed = 0
    for camera, looked in enumerate(run.looked):
        found = [truth.found[offer.place(camera, seq, len(truth.found))] for seq in range(last)]
        verdict = judge(found, {*lead, *looked}, truth.threshold)
        before = judge(found[: offer.before], {*lead, *looked}, truth.threshold)
        objects, missed = objects + verdict.objects - before.objects, missed + verdict.missed - before.missed
    return msgspec.structs.replace(latency, objects=objects, missed=missed)


def write_config(path: Path, watch: Watch) -> Path:
    """Write the settings by which framehop watches a part of the picture: motion beside it is masked, objects beside it do
    not count."""
    left, top, right, bottom = watch
    beside = [(0.0, 0.0, left, 1.0), (right, 0.0, 1.0, 1.0), (left, 0.0, right, top), (left, bottom, right, 1.0)]
    masks = [_corners(*each) for each in beside if each[0] < each[2] and each[1] < each[3]]
    detect = {"motion": {"masks": {"*": masks}}, "regions": {"*": {"include": [_corners(*watch)], "anchor": "centre"}}}
    path.write_bytes(msgspec.json.encode({"detect": detect}))  # which is YAML as well
    return path


def _corners(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]
