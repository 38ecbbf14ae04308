"""Asking a pipeline for another model when it cannot take one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import framehop
from framehop.errors import ClosedError
from framehop.inference import from_anywhere
from tests.tiny_model import write_model


def test_a_pipeline_that_does_not_run_takes_no_model(tmp_path: Path) -> None:
    model = str(write_model(tmp_path))
    pipeline = framehop.Pipeline(tmp_path / "log", options=framehop.DetectOptions(model=model))
    with pytest.raises(ClosedError, match="has not been started"):
        pipeline.swap(model)
    with pytest.raises(ClosedError, match="has not been started"):
        asyncio.run(pipeline.swap_async(model))


def test_a_model_is_named_for_a_process_with_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_anywhere("coco-ssd") == "coco-ssd"
    assert from_anywhere("./coco-ssd") == str(tmp_path / "coco-ssd")
    assert from_anywhere(Path("my/best.onnx")) == str(tmp_path / "my" / "best.onnx")
