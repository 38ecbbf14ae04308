"""The options of an engine: the rules hold wherever a value was typed, and before any model is loaded."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from framehop.config.detect_options import DetectOptions, engine_options
from framehop.errors import ConfigError
from framehop.inference.engine_options import EngineOptions
from framehop.inference.providers import SessionOptions

NO_SHARES = [-0.1, 1.5, float("nan"), float("inf")]


@pytest.mark.parametrize("conf", NO_SHARES)
@pytest.mark.parametrize("options", [EngineOptions, DetectOptions])
def test_a_confidence_is_a_share(options: type[EngineOptions | DetectOptions], conf: float) -> None:
    with pytest.raises(ConfigError, match="conf must be between 0 and 1"):
        options(conf=conf)
    with pytest.raises(ConfigError, match="conf of 'person' must be between 0 and 1"):
        options(class_conf={"person": conf})
    assert options(conf=0.0, class_conf={"person": 1.0}).conf == 0.0


@pytest.mark.parametrize("max_batch", [0, -1, 257])
def test_a_batch_has_a_bound(max_batch: int) -> None:
    for options in (EngineOptions, DetectOptions):
        with pytest.raises(ConfigError, match="max_batch must be 1"):
            options(max_batch=max_batch)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tiles": "3by2"}, "tiles must be"),
        ({"threads": -1}, "threads must be 0 or more"),
        ({"fp16": True}, "fp16 is for provider tensorrt, not auto"),
        ({"classes": "person"}, r"classes must be several labels, as \('person',\)"),
        ({"exclude": "tv"}, "exclude must be several labels"),
        ({"provider": "gpu"}, "there is no provider 'gpu'"),
    ],
)
def test_values_that_no_model_allows(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        EngineOptions(**changes)  # type: ignore[arg-type]


def test_the_session_gets_its_part_and_the_stream() -> None:
    options = EngineOptions(provider="tensorrt", threads=2, device=1, fp16=True, allow_fallback=True)
    expected = SessionOptions(
        provider="tensorrt", threads=2, device=1, fp16=True, allow_fallback=True, compute_stream=77
    )
    assert options.session(77) == expected


def test_a_detectors_engine_gets_every_option_that_is_an_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    given = DetectOptions(
        provider="tensorrt",
        fp16=True,
        allow_fallback=True,
        preprocess="native",
        infer_threads=1,
        max_batch=3,
        conf=0.3,
        class_conf={"tv": 0.5},
        classes=("tv", "cup"),
        exclude=("cup",),
        tiles="2x2",
    )
    made = engine_options(given, 2, side_by_side=True)
    assert [
        field.name for field in fields(made) if getattr(made, field.name) == getattr(EngineOptions(), field.name)
    ] == []
    assert (made.device, made.threads, made.tiles) == (2, 1, "2x2")
    assert made.engine_cache == tmp_path / "framehop" / "tensorrt" / "gpu-2"
