"""framehop doctor --model: the network is run before anybody depends on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framehop.cli import doctor
from framehop.inference.engine import Engine
from framehop.types import Detections
from tests import tiny_model
from tests.commands import Done, framehop

PINNED = Path(__file__).parents[1] / "cases" / "batch_dynamic_in_name_only"


def _said(done: Done) -> dict[str, tuple[str, str]]:
    return {check["topic"]: (check["verdict"], check["text"]) for check in json.loads(done.stdout)}


def test_the_built_in_model_finds_the_person_in_a_full_batch() -> None:
    done = framehop("doctor", "--json", "--max-batch", "3")
    assert done.status == 0, done.stdout
    verdict, text = _said(done)["network"]
    assert verdict == "ok"
    assert "3 pictures in " in text
    assert "person 0." in text
    assert "batch" not in _said(done)


def test_a_batch_in_name_only_is_a_note(caplog: pytest.LogCaptureFixture) -> None:
    done = framehop("doctor", "--json", "--model", PINNED)
    assert done.status == 0
    assert _said(done)["batch"] == ("note", "the network takes one picture at a time: a larger batch is not faster")
    assert [record.levelname for record in caplog.records] == ["WARNING"], "said once, with the runtime's reason"


def test_nan_is_a_problem(tmp_path: Path) -> None:
    """The tiny network's outputs are NaN where its input's third value is 255: here for every picture."""
    spec = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB", "scale": 0.0, "bias": 255.0}
    done = framehop("doctor", "--json", "--model", tiny_model.write_model(tmp_path, input=spec))
    assert done.status == 1
    assert _said(done)["network"][0] == "problem"


def test_a_network_that_mixes_its_pictures_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    detect = Engine.detect

    def mixed(self: Engine, pictures: list[object]) -> list[Detections]:
        found = detect(self, pictures)  # type: ignore[arg-type]
        return found[1:] + found[:1]

    monkeypatch.setattr(Engine, "detect", mixed)
    done = framehop("doctor", "--json", "--max-batch", "2")
    assert done.status == 1
    assert "--max-batch 1" in _said(done)["network"][1]


def test_a_model_that_is_none_is_a_problem() -> None:
    done = framehop("doctor", "--json", "--model", "no-such")
    assert done.status == 1
    assert _said(done)["model"][0] == "problem"
    assert "network" not in _said(done)


def test_lines_are_whole_where_no_terminal_is() -> None:
    lines = framehop("doctor", "--model", "no-such").stdout.splitlines()
    assert all(line.split()[0] in {"ok", "note", "problem"} for line in lines)


def test_runtimes_that_exclude_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are the Python package onnxruntime."""
    versions = {"onnxruntime": "1.32.0", "onnxruntime-openvino": "1.25.0"}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    done = framehop("doctor", "--json")
    said = [check["text"] for check in json.loads(done.stdout) if check["verdict"] == "problem"]
    assert done.status == 1
    assert said == [
        "onnxruntime and onnxruntime-openvino exclude each other, and one wins silently: uninstall them all, install one again"
    ]


@pytest.mark.parametrize(("provider", "remedy"), [("cuda", "nvidia-smi"), ("openvino", "onnxruntime-openvino")])
def test_a_provider_that_is_not_there_is_a_problem_or_a_warning_if_another_will_do(
    caplog: pytest.LogCaptureFixture, provider: str, remedy: str
) -> None:
    done = framehop("doctor", "--json", "--provider", provider)
    assert done.status == 1
    assert remedy in _said(done)["model"][1]
    done = framehop("doctor", "--json", "--provider", provider, "--allow-fallback", "--max-batch", "1")
    assert done.status == 0
    assert _said(done)["network"][1].startswith("cpu, ")
    assert [f"asked for {provider}" in record.getMessage() for record in caplog.records] == [True]


def test_fp16_needs_tensorrt() -> None:
    done = framehop("doctor", "--fp16")
    assert done.status != 0
    assert "fp16 is for provider tensorrt, not auto" in done.stderr
