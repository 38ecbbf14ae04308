"""framehop model inspect, test and init, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from framehop._core import decode_jpeg, encode_jpeg
from framehop.inference import load_model, sample_picture
from tests import tiny_model
from tests.commands import framehop
from tests.layouts import LAYOUTS


@pytest.fixture(scope="module")
def yolov8() -> bytes:
    return LAYOUTS["yolov8"].make()


@pytest.fixture
def best(tmp_path: Path, yolov8: bytes) -> Path:
    path = tmp_path / "best.onnx"
    path.write_bytes(yolov8)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.jpg"
    path.write_bytes(sample_picture())
    return path


def test_inspect_prints_every_choice_and_why(best: Path) -> None:
    done = framehop("model", "inspect", best)
    assert (done.status, done.stderr) == (0, "")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "YOLOv8" in lines["best.onnx:"]
    keys = (
        "family input.layout input.width input.colour input.scale resize.mode head.name head.output labels score_threshold"
        " nms.iou nms.class_agnostic max_objects"
    )
    assert [key for key in keys.split() if len(lines.get(key, "").split()) < 3] == []
    assert "its metadata 90 names" in lines["family"]
    assert "the metadata names them" in lines["labels"]


def test_inspect_gives_the_same_to_programs(best: Path) -> None:
    said = json.loads(framehop("model", "inspect", best, "--json").stdout)
    assert (said["family"], said["sidecar"]) == ("YOLOv8, 9, 11 or 12, raw", None)
    assert (said["model"]["input"]["width"], said["model"]["head"]["name"]) == (300, "yolov8")
    assert said["model"]["labels"]["0"] == "person"
    assert {"key": "resize.mode", "value": "letterbox", "why": "usual for YOLOv8, 9, 11 or 12, raw"} in said["reasons"]
    assert said["inputs"] == [{"name": "images", "dtype": "float32", "shape": [1, 3, 300, 300]}]


def test_inspect_says_what_a_picture_costs(best: Path) -> None:
    lines = {line.split()[0]: line for line in framehop("model", "inspect", best).stdout.splitlines()}
    assert "1 run per picture" in lines["cost"]
    assert "ms each on this CPU" in lines["cost"]
    assert "1920" not in lines


def test_inspect_says_what_tiles_cost(best: Path) -> None:
    said = json.loads(framehop("model", "inspect", best, "--tiles", "3x2", "--json").stdout)["cost"]
    assert (said["runs"], said["decode"]) == (7, [780, 540])
    assert said["picture_ms"] == pytest.approx(7 * said["run_ms"], abs=0.01)
    assert said["run_ms"] > 0
    [full_hd] = [size for size in said["sizes"] if size["picture"] == [1920, 1080]]
    assert (full_hd["runs"], full_hd["tile"], full_hd["pixels"]) == (7, [739, 600], [2.46, 2.0])

    lines = framehop("model", "inspect", best, "--tiles", "3x2,whole=no").stdout.splitlines()
    [cost] = [line for line in lines if line.startswith("cost")]
    assert "6 runs per picture" in cost
    assert "ms in all" in cost
    [full_hd_line] = [line for line in lines if line.startswith("1920 x 1080")]
    assert "tiles of 739 x 600; a pixel of the network is 2.5 x 2.0 of the picture" in full_hd_line

    refused = framehop("model", "inspect", best, "--tiles", "3by2")
    assert (refused.status, refused.stdout) == (1, "")
    assert "tiles must be columns x rows" in refused.stderr


def test_inspect_of_what_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "best.onnx").write_bytes(b"<html>login</html>")
    done = framehop("model", "inspect", tmp_path / "best.onnx")
    assert (done.status, done.stdout) == (1, "")
    assert "HTML" in done.stderr


def test_a_picture_is_looked_at_in_full_or_as_the_pipeline_does(best: Path, tmp_path: Path) -> None:
    pixels = np.repeat(np.repeat(decode_jpeg(sample_picture()), 3, axis=0), 3, axis=1)
    (tmp_path / "large.jpg").write_bytes(encode_jpeg(pixels, quality=95))
    Image.fromarray(pixels).save(tmp_path / "large.png")
    found = {}
    for name, *options in (("large.jpg",), ("large.png",), ("large.jpg", "--scaled"), ("large.png", "--scaled")):
        done = framehop("model", "test", best, tmp_path / name, "--conf", "0.5", "--json", *options)
        assert done.status == 0, done.stderr
        found[name, *options] = json.loads(done.stdout)
    for said in found.values():
        assert (said["width"], said["height"]) == (1152, 1152)
        assert list(said["objects"][0]) == ["label", "label_id", "confidence", "box"]
        [person] = said["objects"]
        assert (person["label"], person["label_id"]) == ("person", 0)
        assert np.allclose(person["box"], [36, 29, 897, 1141], atol=60)
    assert found["large.jpg",]["objects"] != found["large.jpg", "--scaled"]["objects"]


def test_boxes_are_printed_and_drawn(best: Path, picture: Path, tmp_path: Path) -> None:
    done = framehop("model", "test", best, picture, "--conf", "0.5", "--out", tmp_path / "boxes.jpg")
    assert done.status == 0, done.stderr
    assert "1 object in" in done.stdout
    assert "person 0.5" in done.stdout
    drawn = decode_jpeg((tmp_path / "boxes.jpg").read_bytes()).astype(int)
    changed = np.abs(drawn - decode_jpeg(sample_picture())).max(axis=2) > 100
    assert changed[100:300, 8:16].any(), "the box's left side"
    assert not changed[:, 340:].any()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no-such.jpg"], "no such file"),
        (["best.onnx"], "cannot be decoded"),
        (["astronaut.jpg", "astronaut.jpg", "--out", "boxes.jpg"], "draws one picture"),
        (["astronaut.jpg", "--out", "no-such-folder/boxes.jpg"], "cannot be written"),
        (["astronaut.jpg", "--classes", "unicorn"], "no label 'unicorn'"),
    ],
)
def test_what_cannot_be_done_says_why(best: Path, picture: Path, arguments: list[str], expected: str) -> None:
    assert picture.parent == best.parent
    paths = [best.parent / text if "." in text else text for text in arguments]
    done = framehop("model", "test", best, *paths)
    assert (done.status, done.stdout) == (1, "")
    assert expected in done.stderr


def test_init_writes_what_is_recognised_with_the_reasons_and_keeps_what_is_there(best: Path) -> None:
    done = framehop("model", "init", best)
    assert done.status == 0, done.stderr
    sidecar = best.with_suffix(".yaml")
    text = sidecar.read_text()
    assert "mode: letterbox  # usual for YOLOv8" in text
    assert yaml.safe_load(text)["labels"][0] == "person"
    assert load_model(best).path == sidecar

    done = framehop("model", "init", best)
    assert done.status == 1
    assert "--force" in done.stderr

    sidecar.write_text(text.replace("mode: letterbox ", "mode: stretch "))
    assert framehop("model", "init", best, "--force").status == 0
    assert "mode: stretch  # best.yaml says so" in sidecar.read_text()


def test_init_leaves_the_built_in_model_alone() -> None:
    done = framehop("model", "init", "coco-ssd", "--force")
    assert done.status == 1
    assert "built in" in done.stderr


def test_outputs_that_are_no_boxes_are_an_error(tmp_path: Path) -> None:
    """The tiny network's outputs are NaN where its input's third value is 255: for a white picture, or with this bias for any."""
    (tmp_path / "white.jpg").write_bytes(encode_jpeg(np.full((16, 16, 3), 255, np.uint8)))
    done = framehop("model", "test", tiny_model.write_model(tmp_path), tmp_path / "white.jpg")
    assert done.status == 1
    assert "bad_output" in done.stderr
    spec = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB", "scale": 0.0, "bias": 255.0}
    done = framehop("model", "test", tiny_model.write_model(tmp_path, input=spec), tmp_path / "white.jpg")
    assert done.status == 1
    assert "NaN or infinity" in done.stderr
