"""A network's file that was replaced while a pipeline ran it is named when a detector starts again."""

from __future__ import annotations

import pytest

from framehop.pipeline.processes.facts import FIRST_MODEL, ModelFacts
from framehop.pipeline.supervisor.model_files import ModelFiles
from framehop.types import ModelInfo, Need

OLD, NEW = "0" * 64, "1" * 64


def facts(sha256: str, number: int = FIRST_MODEL) -> ModelFacts:
    model = ModelInfo(name="m", version="1", sha256=sha256, provider="cpu")
    return ModelFacts(number=number, model=model, labels={}, need=Need())


def test_a_detector_that_finds_another_file_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    files = ModelFiles()
    for sha256 in (OLD, OLD, NEW, NEW):
        files.note("detector-0", "best.onnx", facts(sha256))
    [said] = [record.getMessage() for record in caplog.records]
    assert "detector-0" in said
    assert "best.onnx was replaced" in said
    assert f"was {OLD[:16]}… and now is {NEW[:16]}…" in said


def test_detectors_that_run_two_files_are_said(caplog: pytest.LogCaptureFixture) -> None:
    files = ModelFiles()
    files.note("detector-0", "best.onnx", facts(OLD))
    files.note("detector-1", "best.onnx", facts(NEW))
    assert "detector-1" in caplog.text


def test_a_swap_is_on_purpose(caplog: pytest.LogCaptureFixture) -> None:
    files = ModelFiles()
    files.note("detector-0", "best.onnx", facts(OLD))
    files.note("detector-0", "best.onnx", facts(NEW, number=2))  # the same path, swapped to
    files.note("detector-0", "best.onnx", facts(NEW))  # it died since
    files.note("detector-0", "other.onnx", facts(OLD))
    assert not caplog.records
