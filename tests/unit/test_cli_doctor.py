"""framehop doctor --model: the network is run before anybody depends on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framehop import _core
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
