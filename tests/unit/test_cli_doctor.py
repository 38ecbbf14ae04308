"""framehop doctor --model: the network is run before anybody depends on it."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
import pytest

from framehop import _core
from framehop.cli import runtime_check
from framehop.inference import providers
from framehop.inference.engine import Engine
from framehop.types import Detections
from tests import tiny_model
from tests.broken_runtime import without_nvidia
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


@pytest.mark.parametrize(("video", "verdict"), [(True, "ok"), (False, "note")])
def test_it_says_whether_video_is_decoded_here(video: bool, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "VIDEO", video)
    found = _said(framehop("doctor", "--json"))["decoder"]
    assert found[0] == verdict
    assert "libavcodec-dev" in found[1] or video


def test_a_batch_in_name_only_is_a_note(caplog: pytest.LogCaptureFixture) -> None:
    done = framehop("doctor", "--json", "--model", PINNED)
    assert done.status == 0
    assert _said(done)["batch"] == ("note", "the network takes one picture at a time: a larger batch is not faster")
    assert [record.levelname for record in caplog.records] == ["WARNING"], "said once, with the runtime's reason"


def test_tiles_cost_runs_and_need_room_in_the_ring() -> None:
    verdict, text = _said(framehop("doctor", "--json", "--max-batch", "1", "--tiles", "2x2"))["tiles"]
    assert (verdict, text) == ("ok", "5 runs of the network per picture, of 540 x 540 pixels or more")
    verdict, text = _said(framehop("doctor", "--json", "--max-batch", "1", "--tiles", "2x2", "--slot-mib", "0.5"))[
        "tiles"
    ]
    assert verdict == "note"
    assert text.endswith("they need at least --slot-mib 1")


def test_nan_is_a_problem(tmp_path: Path) -> None:
    """The tiny network's outputs are NaN where its input's third value is 255: here for every picture."""
    spec = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB", "scale": 0.0, "bias": 255.0}
    done = framehop("doctor", "--json", "--model", tiny_model.write_model(tmp_path, input=spec))
    assert done.status == 1
    verdict, text = _said(done)["model"]
    assert verdict == "problem"
    assert "NaN or infinity" in text


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


def _installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make it look as if of all builds of ONNX Runtime exactly these were installed."""
    version = metadata.version

    def found(name: str) -> str:
        if name in runtime_check.RUNTIMES and name not in names:
            raise metadata.PackageNotFoundError(name)
        return "1.99.0" if name in names else version(name)

    monkeypatch.setattr(metadata, "version", found)


def _built_with(monkeypatch: pytest.MonkeyPatch, *providers: str) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*providers, "CPUExecutionProvider"])


def _runtime(*arguments: str) -> list[tuple[str, str]]:
    done = framehop("doctor", "--json", "--model", "no-such", *arguments)
    return [(check["verdict"], check["text"]) for check in json.loads(done.stdout) if check["topic"] == "runtime"]


def test_a_cpu_build_is_called_one() -> None:
    [(verdict, text)] = _runtime()
    assert verdict == "ok"
    assert text.startswith(f"ONNX Runtime {onnxruntime.__version__}, CPU build, with ")


def test_a_runtime_that_cannot_be_loaded_is_a_problem_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('libcudart.so.13: cannot open it')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    [check] = runtime_check._onnx_runtime()
    assert check.verdict == "problem"
    assert "cannot be loaded (libcudart.so.13: cannot open it)" in check.text


def test_a_gpu_build_without_a_gpu_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    _built_with(monkeypatch, "CUDAExecutionProvider")
    without_nvidia(monkeypatch)
    [(verdict, text)] = _runtime()
    assert (verdict, "GPU build" in text, "no NVIDIA device here" in text) == ("note", True, True)
    monkeypatch.setattr(providers, "DEVICES", (Path("/dev/null"),))
    [(verdict, text)] = _runtime()
    assert (verdict, "no NVIDIA device here" in text) == ("ok", False)


@pytest.mark.parametrize(
    ("providers", "won"),
    [((), "CPU"), (("CUDAExecutionProvider",), "GPU"), (("OpenVINOExecutionProvider",), "OpenVINO")],
)
def test_two_builds_clash_and_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, providers: tuple[str, ...], won: str
) -> None:
    _installed(monkeypatch, "onnxruntime", "onnxruntime-gpu")
    _built_with(monkeypatch, *providers)
    (verdict, text), _ = _runtime()
    assert verdict == "problem"
    assert text.startswith("onnxruntime and onnxruntime-gpu are both installed")
    assert f"here the {won} build: pip uninstall onnxruntime onnxruntime-gpu, then " in text
    assert "[gpu]" in text
    assert framehop("doctor", "--model", "no-such").status == 1


def test_without_dali_nothing_is_wrong_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvidia", None)
    assert _said(framehop("doctor", "--json", "--model", "no-such"))["dali"][0] == "ok"
    done = framehop("doctor", "--json", "--preprocess", "dali")
    verdict, text = _said(done)["dali"]
    assert (done.status, verdict) == (1, "problem")
    assert "[gpu]" in text


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [(0, "it sees no GPU, and the native kernel is faster"), (1, "it sees 1 GPU"), (2, "it sees 2 GPUs")],
)
def test_dali_and_its_gpus_are_named(monkeypatch: pytest.MonkeyPatch, gpus: int, expected: str) -> None:
    monkeypatch.setattr(runtime_check, "dali_installed", lambda: True)
    monkeypatch.setattr(runtime_check, "import_dali", lambda: SimpleNamespace(__version__="2.4.0"))
    monkeypatch.setattr(runtime_check, "gpu_count", lambda: gpus)
    assert _said(framehop("doctor", "--json", "--model", "no-such"))["dali"] == ("ok", f"DALI 2.4.0; {expected}")


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
