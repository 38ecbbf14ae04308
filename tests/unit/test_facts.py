"""The files in which a detector describes its models, and what a worker makes of them."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from framehop.errors import ProcessError
from framehop.inference.engine import Engine
from framehop.pipeline.detector.detector import run_s
from framehop.pipeline.processes.facts import ModelFacts, read_facts, remove_facts, write_facts
from framehop.pipeline.worker.models import DetectorModels
from framehop.testing.fake_model import BLOB, FakeModel
from framehop.types import ModelInfo, Need


def need(side: int) -> Need:
    return Need(width=side, height=side, fit="letterbox")


def facts(number: int, name: str = "m", side: int = 4) -> ModelFacts:
    model = ModelInfo(name=name, version="1", sha256="0", provider="cpu")
    return ModelFacts(number=number, model=model, labels={5: "red"}, need=need(side))


@pytest.fixture
def stem(tmp_path: Path) -> str:
    return str(tmp_path / "model-0-1")


def test_facts_are_those_of_the_loaded_detector(stem: str) -> None:
    with FakeModel(need=need(30)) as model:
        write_facts(stem, ModelFacts.of(model, 7))
        read = read_facts(stem, 7)
        assert (read.model, read.labels, read.need) == (model.info, {BLOB: "blob"}, model.need)


def test_labels_may_be_longer_than_a_control_message(stem: str) -> None:
    labels = {number: f"label {number} " + "x" * 100 for number in range(5000)}
    write_facts(stem, ModelFacts(number=1, model=facts(1).model, labels=labels, need=Need()))
    assert read_facts(stem, 1).labels == labels


@pytest.mark.parametrize(("busy_s", "ahead"), [(0.0, 6), (0.03, 6), (0.5, 4)])
def test_a_slow_network_gets_no_pictures_that_grow_old_before_it(stem: str, busy_s: float, ahead: int) -> None:
    with FakeModel(need=need(30)) as model:
        write_facts(stem, ModelFacts.of(model, 1, at_once=4, run_s=busy_s))
    models = DetectorModels()
    models.follow(stem, 1)
    assert models.ahead == ahead


@pytest.mark.parametrize(
    ("provider", "runs_per_picture", "max_batch", "busy_s"),
    [("cpu", 1, 1, 0.5), ("cpu", 1, 8, 0.5), ("cpu", 8, 1, 4.0), ("cpu", 8, 4, 1.0), ("cuda", 8, 4, 0.0)],
)
def test_a_lane_is_busy_for_all_runs_that_a_picture_takes(
    provider: str, runs_per_picture: int, max_batch: int, busy_s: float
) -> None:
    engine = SimpleNamespace(
        info=SimpleNamespace(provider=provider),
        runs_per_picture=runs_per_picture,
        max_batch=max_batch,
        batch_s=0.5,
    )
    assert run_s(cast(Engine, engine)) == busy_s


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b"[" * 5000, None], ids=["empty", "bare", "not", "deep", "gone"]
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(stem: str, content: bytes | None) -> None:
    if content is not None:
        Path(f"{stem}-1.json").write_bytes(content)
    with pytest.raises(ProcessError, match=rf"{stem}-1\.json"):
        read_facts(stem, 1)


def test_a_lack_of_descriptors_is_named_with_what_to_do(stem: str) -> None:
    write_facts(stem, facts(1))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
        with pytest.raises(ProcessError, match="no file descriptors are left: raise the limit with `ulimit -n`"):
            read_facts(stem, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_of_another_model_is_not_believed(stem: str) -> None:
    write_facts(stem, facts(2))
    Path(f"{stem}-2.json").rename(f"{stem}-1.json")
    with pytest.raises(ProcessError, match="tells of model 2"):
        read_facts(stem, 1)


def test_only_the_files_of_one_incarnation_are_removed(tmp_path: Path, stem: str) -> None:
    for each in (stem, f"{stem}1"):
        write_facts(each, facts(1))
        write_facts(each, facts(2))
    remove_facts(stem)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-0-11-1.json", "model-0-11-2.json"]


def test_a_worker_knows_each_model_by_its_number_and_decodes_for_the_newest(stem: str) -> None:
    models = DetectorModels()
    assert not models.known.is_set()
    write_facts(stem, facts(1, "old", 4))
    models.follow(stem, 1)
    assert models.known.is_set()
    write_facts(stem, facts(2, "new", 8))
    assert models.of(2).model.name == "new"  # a reply may come before the message
    assert models.need == need(8)
    models.follow(stem, 2)
    assert models.of(1).model.name == "old"  # a late reply
    assert models.need == need(8)


def test_an_old_model_learned_late_does_not_set_the_size(stem: str) -> None:
    models = DetectorModels()
    write_facts(stem, facts(1, "old", 4))
    write_facts(stem, facts(2, "new", 8))
    models.follow(stem, 2)
    models.of(1)
    assert models.need == need(8)


def test_the_numbers_of_another_detector_are_other_models(tmp_path: Path, stem: str) -> None:
    models, successor = DetectorModels(), str(tmp_path / "model-0-2")
    write_facts(stem, facts(2, "new", 8))
    models.follow(stem, 2)
    write_facts(successor, facts(1, "old", 4))
    models.follow(successor, 1)
    assert models.of(1).model.name == "old"
    assert models.need == need(4)
    with pytest.raises(ProcessError, match="model 2"):
        models.of(2)


def test_workers_know_how_many_pictures_are_looked_at_side_by_side(stem: str) -> None:
    models = DetectorModels()
    with FakeModel() as model:
        write_facts(stem, ModelFacts.of(model, 1, 6))
    models.follow(stem, 1)
    assert models.at_once == 6
