"""model.yaml: what is refused, and how it says so."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from framehop.errors import ModelError
from framehop.inference import BUILT_IN, load_model, read_sidecar, sidecar
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.sidecar import to_overrides
from framehop.inference.spec import InputOverrides, NmsOverrides, Overrides, ResizeOverrides
from tests import tiny_model


def refusal(path: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.count("\n") <= 1
    return message


def test_the_built_in_model_is_whole() -> None:
    model = load_model("coco-ssd")
    assert (model.name, len(model.labels), model.labels[1], model.labels[90]) == (
        "coco-ssd",
        80,
        "person",
        "toothbrush",
    )
    assert 12 not in model.labels
    assert model.overrides.head is not None
    assert model.overrides.head["name"] == "ssd"
    for name in ("LICENSE", "NOTICE"):
        assert "Apache License" in (model.file.parent / name).read_text()


def test_a_name_that_is_no_model_lists_what_there_is() -> None:
    assert all(name in refusal("coco-sdd") for name in BUILT_IN)


def test_a_model_is_found_by_directory_sidecar_or_network(tmp_path: Path) -> None:
    path = tiny_model.write_model(tmp_path)
    found = [load_model(place) for place in (tmp_path, path, tmp_path / "model.onnx", str(tmp_path))]
    assert [model.name for model in found] == ["tiny"] * 4


def test_a_network_alone_is_a_model_named_by_its_file(tmp_path: Path) -> None:
    network = tmp_path / "front door (v2).onnx"
    network.write_bytes(tiny_model.ssd_network())
    for place in (network, tmp_path):
        model = load_model(place)
        assert (model.name, model.version, model.path, dict(model.labels)) == ("front-door-v2-", "1", None, {})
        assert model.sha256 == hashlib.sha256(network.read_bytes()).hexdigest()


def test_what_is_plainly_no_network_is_refused_before_any_process_starts(tmp_path: Path) -> None:
    for name, content, expected in (
        ("model.onnx", b"", "is empty"),
        ("page.onnx", b"<!DOCTYPE html><html>", "HTML"),
        ("best.pt", b"PK\x03\x04 archive/data.pkl", "PyTorch"),
    ):
        (tmp_path / name).write_bytes(content)
        assert expected in refusal(tmp_path / name)
    assert "does not exist" in refusal(tmp_path / "other.onnx")


def test_a_directory_with_several_networks_or_none_says_so(tmp_path: Path) -> None:
    assert "there is no .onnx file in it" in refusal(tmp_path)
    for name in ("one.onnx", "two.onnx"):
        (tmp_path / name).write_bytes(tiny_model.ssd_network())
    assert "there are one.onnx, two.onnx in it" in refusal(tmp_path)


def test_a_sidecar_of_another_network_is_not_used(tmp_path: Path) -> None:
    tiny_model.write_model(tmp_path)
    (tmp_path / "second.onnx").write_bytes(tiny_model.ssd_network())
    assert "describes model.onnx, not second.onnx; give second.onnx a sidecar of its own" in refusal(
        tmp_path / "second.onnx"
    )
    (tmp_path / "second.yaml").write_text("score_threshold: 0.25\n")
    assert load_model(tmp_path / "second.onnx").overrides.score_threshold == 0.25


def test_the_sidecar_of_a_network_alone_comes_before_the_directorys(tmp_path: Path) -> None:
    tiny_model.write_model(tmp_path)
    (tmp_path / "model.onnx").rename(tmp_path / "best.onnx")
    (tmp_path / "model.yaml").write_text("version: shared\n")
    assert load_model(tmp_path / "best.onnx").version == "shared"
    (tmp_path / "best.yaml").write_text("version: own\n")
    assert load_model(tmp_path / "best.onnx").version == "own"
    (tmp_path / "best.yaml").write_text("file: model.onnx\n")
    assert "best.yaml describes model.onnx, not best.onnx" in refusal(tmp_path / "best.onnx")


@pytest.mark.parametrize("text", ["nc: 80\nhead:\n- [-1, 1, Conv]\n", "path: ../coco\nnames: {0: person}\n", "- 1\n"])
def test_a_training_frameworks_file_of_the_same_stem_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "best.onnx").write_bytes(tiny_model.ssd_network())
    (tmp_path / "best.yaml").write_text(text)
    assert load_model(tmp_path / "best.onnx").path is None


@pytest.mark.parametrize("text", ["head: {name: ssd}\n", "nms: {iou: 0.5}\n"])
def test_a_sidecar_of_one_section_is_not_taken_for_a_training_frameworks_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "best.onnx").write_bytes(tiny_model.ssd_network())
    (tmp_path / "best.yaml").write_text(text)
    assert load_model(tmp_path / "best.onnx").path == tmp_path / "best.yaml"


def test_a_head_that_is_only_named_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "best.onnx").write_bytes(tiny_model.ssd_network())
    (tmp_path / "best.yaml").write_text("head: yolov8\n")
    assert "best.yaml: head: Expected keys with values, got text" in refusal(tmp_path / "best.onnx")


def test_every_key_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(tiny_model.ssd_network())
    whole = tiny_model.sidecar(tiny_model.ssd_network())
    for key in whole:
        (tmp_path / "model.yaml").write_text(yaml.safe_dump({name: whole[name] for name in whole if name != key}))
        assert load_model(tmp_path).file == tmp_path / "model.onnx"
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"head": {"name": "ssd"}, "input": {"scale": 2}}))
    assert load_model(tmp_path).overrides.input.scale == 2


INPUT = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB"}
HEAD = {"name": "ssd", "scores": "scores", "boxes": "boxes"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"treshold": 0.5}, ["unknown field `treshold`", "score_threshold"]),
        ({"input": INPUT | {"color": "RGB"}}, ["input: ", "unknown field `color`", "colour"]),
        ({"input": INPUT | {"layout": "NWHC"}}, ["input.layout", "'NWHC'", "allowed: NHWC, NCHW"]),
        ({"input": INPUT | {"width": 0}}, ["input.width", ">= 1"]),
        ({"input": INPUT | {"width": 1 << 20}}, ["input.width", "<= 4096"]),
        ({"input": INPUT | {"scale": float("nan")}}, ["input", "finite"]),
        ({"input": INPUT | {"bias": [1, 2]}}, ["input.bias", "length 3"]),
        ({"head": HEAD | {"name": "rcnn"}}, ["head.name", "'rcnn'", "allowed: ssd, yolox, yolov8"]),
        (
            {"head": HEAD | {"strides": [8]}},
            ["head: ", "unknown field `strides`", "name, scores, boxes, first_label_id"],
        ),
        ({"head": {"output": "output"}}, ["head", "missing required field `name`"]),
        ({"resize": {"mode": "crop"}}, ["resize.mode", "stretch, letterbox, letterbox-topleft"]),
        ({"nms": {"iou": 1.5}}, ["nms.iou", "<= 1.0"]),
        ({"labels": {}}, ["labels", "length >= 1"]),
        ({"labels": {"one": "person"}}, ["labels", "Expected a whole number"]),
        ({"labels": {1: True}}, ["labels", "Expected text"]),
        ({"labels": ["person"]}, ["labels", "Expected keys with values, got a list"]),
        ({"max_objects": 5000}, ["max_objects", "<= 4096"]),
        ({"sha256": "feed"}, ["sha256", "regex"]),
        ({"task": "segmentation"}, ["task", "allowed: detection"]),
    ],
)
def test_a_wrong_sidecar_names_file_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, object], expected: list[str]
) -> None:
    path = tiny_model.write_model(tmp_path, **changes)
    message = refusal(path)
    assert message.startswith(str(path))
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list",
        "just text",
        "name: [",
        "!!python/object/apply:os.system ['true']",
        "[" * 5_000,
        "\x00",
        "2026-99-99",
        "!!bool maybe",
        "!!timestamp never",
    ],
)
def test_what_is_no_sidecar_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(text)
    assert refusal(path).startswith(str(path))


@pytest.mark.parametrize("file", ["../model.onnx", "/etc/passwd", "link.onnx", "sub/../../model.onnx"])
def test_a_sidecar_cannot_reach_out_of_its_directory(tmp_path: Path, file: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "model.onnx").write_bytes(tiny_model.ssd_network())
    (inside / "link.onnx").symlink_to(tmp_path / "model.onnx")
    assert "leads out of the sidecar's directory" in refusal(tiny_model.write_model(inside, file=file))


def test_a_network_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    path = tiny_model.write_model(tmp_path)
    pinned = load_model(path).sha256
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"!")
    assert pinned in refusal(path)


def test_a_network_that_is_not_pinned_is_taken_and_named_all_the_same(tmp_path: Path) -> None:
    path = tiny_model.write_model(tmp_path, sha256="")
    model = load_model(path)
    digest = hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()
    assert (model.overrides.sha256, model.sha256) == ("", digest)
    with Engine(read_sidecar(path), EngineOptions(provider="cpu", max_batch=1)) as engine:
        assert engine.info.sha256 == digest
    (tmp_path / "model.onnx").write_bytes(b"another")
    with pytest.raises(ModelError, match="is not the file"):
        model.read()  # it is the one that was loaded, or none


def test_a_network_swapped_after_the_check_is_refused_when_it_is_read(tmp_path: Path) -> None:
    model = load_model(tiny_model.write_model(tmp_path))
    (tmp_path / "model.onnx").write_bytes(b"another")
    with pytest.raises(ModelError, match="is not the file"):
        model.read()


def test_files_are_bounded_and_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_model.write_model(tmp_path)
    monkeypatch.setattr(sidecar, "MAX_MODEL_BYTES", 100)
    assert "model.onnx is larger than 100 bytes" in refusal(path)
    monkeypatch.setattr(sidecar, "MAX_SIDECAR_BYTES", 50)
    assert "model.yaml is larger than 50 bytes" in refusal(path)
    path.unlink()
    os.mkfifo(path)
    assert "is not a file" in refusal(path)


def test_one_number_stands_for_all_channels(tmp_path: Path) -> None:
    changed = INPUT | {"scale": 0.5, "bias": [1, 2.5, 3]}
    with Engine(
        read_sidecar(tiny_model.write_model(tmp_path, input=changed)), EngineOptions(provider="cpu", max_batch=1)
    ) as engine:
        spec = engine.plan.spec.input
    assert (spec.scales, spec.biases) == ((0.5, 0.5, 0.5), (1.0, 2.5, 3.0))


def test_the_example_in_the_docs_loads_and_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    loaded = to_overrides(yaml.safe_load(example), where="docs/models.md")
    assert (loaded.input.colour, loaded.resize.mode, loaded.score_threshold) == ("BGR", "letterbox-topleft", 0.3)
    sections = {"": Overrides, "input.": InputOverrides, "resize.": ResizeOverrides, "nms.": NmsOverrides}
    keys = {prefix + field for prefix, spec in sections.items() for field in spec.__struct_fields__}
    assert [key for key in sorted(keys - {"input", "resize", "nms"}) if f"`{key}`" not in page] == []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = sorted(tiny_model.sidecar(b""))


@given(section=st.sampled_from(SECTIONS), key=st.sampled_from(["", *INPUT, *HEAD, "mode"]), value=ANYTHING)
def test_whatever_stands_in_a_section_it_loads_or_is_a_model_error(section: str, key: str, value: object) -> None:
    content: dict[str, Any] = tiny_model.sidecar(b"")
    if key and isinstance(content[section], dict):
        content[section] = content[section] | {key: value}
    else:
        content[section] = value
    outcome = reading(yaml.safe_load(yaml.safe_dump(content)))
    assert outcome == "loads" or outcome.startswith("model.yaml: ")


def reading(content: object) -> str:
    try:
        to_overrides(content, where="model.yaml")
    except ModelError as error:
        return str(error)
    return "loads"
