"""The engine on networks of a few bytes: batches, bad outputs, and everything that does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framehop.errors import ClosedError, ConfigError, InvalidArgumentError, MissingExtraError, ModelError
from framehop.inference import Model
from framehop.inference.engine import Engine, load_model
from framehop.protocols import Detector
from framehop.types import Need
from tests import tiny_model
from tests.tiny_model import picture


def tiny(directory: Path, data: bytes | None = None, /, **changes: object) -> Model:
    return load_model(tiny_model.write_model(directory, data, **changes))


def engine(model: Model, *, max_batch: int = 4) -> Engine:
    return Engine(model, provider="cpu", threads=1, max_batch=max_batch)


def test_boxes_scores_and_names_come_out_in_source_pixels(tmp_path: Path) -> None:
    with engine(tiny(tmp_path)) as built:
        detector: Detector = built
        red, green, dark = detector.detect(
            [picture(255), picture(0, 204, width=40, height=30), picture(100)], [(4, 2), (400, 300), (4, 2)]
        )
        assert detector.info.provider == "cpu"
        assert (detector.info.name, detector.info.version) == ("tiny", "7")
        assert detector.need == Need(width=4, height=2)
        names = [detector.labels[int(found.label_ids[0])] for found in (red, green)]
    assert names == ["red", "green"]
    assert red.boxes.tolist() == [[2, 0, 4, 2]]
    assert green.boxes.tolist() == [[200, 0, 400, 300]]
    np.testing.assert_allclose([red.scores[0], green.scores[0]], [1.0, 0.8], atol=1e-6)
    assert (len(dark.boxes), dark.error) == (0, "")


def test_more_pictures_than_a_batch_are_split_and_stay_in_order(tmp_path: Path) -> None:
    shades = list(range(255, 245, -1))
    with engine(tiny(tmp_path)) as detector:
        results = detector.detect([picture(shade) for shade in shades])
    assert [round(float(found.scores[0]) * 255) for found in results] == shades
    assert [found.timings.batch_size for found in results] == [4] * 8 + [2] * 2


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    with engine(tiny(tmp_path)) as detector:
        assert detector.detect([]) == []


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_picture_with_nan_outputs_fails_and_its_neighbours_do_not(tmp_path: Path, batch: int | str) -> None:
    with engine(tiny(tmp_path, tiny_model.ssd_network(batch=batch))) as detector:
        first, bad, last = detector.detect([picture(255), picture(255, blue=255), picture(254)])
    assert [found.error for found in (first, bad, last)] == ["", "bad_output", ""]
    assert [len(found.boxes) for found in (first, bad, last)] == [1, 0, 1]
    assert bad.boxes.shape == (0, 4)
    assert [bad.boxes.dtype.name, bad.label_ids.dtype.name] == ["float32", "int32"]


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_picture_whose_scores_exceed_one_fails_and_its_neighbours_do_not(tmp_path: Path, batch: int | str) -> None:
    """Scores exceed 1 when a network leaves out its sigmoid. The picture that it is tried on does not reveal it here."""
    spec = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB", "scale": 1.25}
    with engine(tiny(tmp_path, tiny_model.ssd_network(batch=batch), input=spec)) as detector:
        first, bad, last = detector.detect([picture(140), picture(255), picture(141)])
    assert [len(found.boxes) for found in (first, bad, last)] == [1, 0, 1]
    assert [first.error, last.error] == ["", ""]
    assert bad.error.startswith("bad_output: a score is 1.25, but the head reads scores of 0 to 1")


def test_each_picture_of_a_batch_has_its_own_objects(tmp_path: Path) -> None:
    """The batch has pictures without objects between pictures with some."""
    with engine(tiny(tmp_path)) as detector:
        results = detector.detect([picture(1), picture(255), picture(2), picture(0, 204)])
    assert [found.label_ids.tolist() for found in results] == [[], [5], [], [6]]


def test_channels_first_and_letterbox_and_normalisation(tmp_path: Path) -> None:
    spec = {
        "name": "image",
        "layout": "NCHW",
        "width": 4,
        "height": 2,
        "colour": "RGB",
        "scale": 0.5,
        "bias": [127.5, 0, 0],
    }
    network = tiny_model.ssd_network(shape=(3, 2, 4))
    model = tiny(tmp_path, network, input=spec, resize={"mode": "letterbox-topleft"}, labels={5: "a", 6: "b"})
    with engine(model) as detector:
        [found] = detector.detect([picture(200, width=30, height=20)])
    # In planes, the network's first two values are both red: 200 * 0.5 + 127.5. The box's right half lies on the border.
    np.testing.assert_allclose(found.scores, [227.5 / 255], atol=1e-6)
    assert found.boxes.tolist() == [[20, 0, 30, 20]]


def test_conf_and_classes_choose_among_what_the_model_finds(tmp_path: Path) -> None:
    model = tiny(tmp_path, nms={"iou": 0.1})
    weak = picture(100, 90)  # red 0.39, green 0.35, in one box
    with Engine(model, provider="cpu", conf=0.2) as detector:
        [found] = detector.detect([weak])
    assert found.label_ids.tolist() == [5]
    with Engine(model, provider="cpu", conf=0.2, classes=["green"]) as detector:
        assert [found.label_ids.tolist() for found in detector.detect([weak, picture(0, 200)])] == [[], [6]]
    with pytest.raises(ConfigError, match="near to it: green"):
        Engine(model, provider="cpu", classes=["gren"])


DYNAMIC_IN_NAME_ONLY = Path(__file__).parents[1] / "cases" / "batch_dynamic_in_name_only"


@pytest.mark.parametrize("max_batch", [2, 3, 8])
def test_a_batch_that_is_dynamic_in_name_only_runs_one_by_one_and_says_so(
    caplog: pytest.LogCaptureFixture, max_batch: int
) -> None:
    with engine(load_model(DYNAMIC_IN_NAME_ONLY), max_batch=max_batch) as detector:
        assert detector.one_by_one
        found = detector.detect([np.zeros((32, 32, 3), np.uint8)] * 5)
    assert [result.label_ids.tolist() for result in found] == [[1, 2]] * 5
    [said] = [record.getMessage() for record in caplog.records]
    assert "one by one" in said
    assert "requested shape:{1,3,32,32}" in said, "the runtime's reason, which is at the end of what it says"


def test_one_picture_at_a_time_does_not_ask_for_more(caplog: pytest.LogCaptureFixture) -> None:
    with engine(load_model(DYNAMIC_IN_NAME_ONLY), max_batch=1) as detector:
        assert not detector.one_by_one
        assert len(detector.detect([np.zeros((32, 32, 3), np.uint8)] * 2)) == 2
    assert not caplog.records


def test_a_network_that_can_batch_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with engine(tiny(tmp_path)) as detector:
        assert not detector.one_by_one
    assert not caplog.records


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (["a.jpg"], r"pictures\[0\] is 'a.jpg'.*decode_jpeg"),
        ([picture(0), b"\xff\xd8"], r"pictures\[1\] is of type bytes"),
        ([Path("a.jpg")], "PosixPath.*decode_jpeg"),
        ("a.jpg", r"detect\(\[picture\]\), not what is 'a.jpg'"),
        (picture(0), r"detect\(\[picture\]\)"),
        (np.stack([picture(0)] * 2), r"list of pictures.*ndarray"),
        (None, "NoneType"),
        ([None], "NoneType"),
        ([np.zeros((2, 4, 4), np.uint8)], r"uint8 \[2, 4, 4\], and must be"),
        ([np.zeros((2, 4, 3), np.float32)], r"float32 \[2, 4, 3\], and must be"),
    ],
)
def test_what_is_no_list_of_pictures_is_told_apart(tmp_path: Path, pictures: Any, expected: str) -> None:
    with engine(tiny(tmp_path)) as detector, pytest.raises(InvalidArgumentError, match=expected):
        detector.detect(pictures)


def test_use_after_close_and_wrong_arguments(tmp_path: Path) -> None:
    model = tiny(tmp_path)
    detector = engine(model)
    with pytest.raises(InvalidArgumentError, match="1 pictures, but 2 source sizes"):
        detector.detect([picture(0)], [(1, 1), (2, 2)])
    with pytest.raises(InvalidArgumentError):
        detector.detect([np.zeros((2, 4), np.uint8)])
    with pytest.raises(InvalidArgumentError):
        detector.detect([np.zeros((2, 4, 3), np.float32)])
    detector.close()
    detector.close()
    with pytest.raises(ClosedError, match="the engine is closed"):
        detector.detect([picture(0)])
    with pytest.raises(InvalidArgumentError):
        engine(model, max_batch=0)


INPUT = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input": INPUT | {"name": "x"}}, "input.name: the network has no input 'x'; it has: 'image'"),
        (
            {"input": INPUT | {"width": 8}},
            r"the network takes \[N, 2, 4, 3\], and not \[N, 2, 8, 3\]",
        ),
        ({"head": {"name": "ssd", "scores": "s", "boxes": "boxes"}}, "no output 's'; it has: scores, boxes"),
        ({"head": {"name": "ssd", "scores": "boxes", "boxes": "scores"}}, "output 'boxes' is .* but the head reads"),
        ({"head": {"name": "yolox", "output": "scores"}}, "output 'scores' is .* but the head reads"),
    ],
)
def test_a_sidecar_that_does_not_fit_its_network(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        engine(tiny(tmp_path, **changes))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"no protobuf", "is not an ONNX file"),
        (
            tiny_model.ssd_network(kind=11),
            "'image' is float64, and must be one of float32, float16, uint8",
        ),
    ],
)
def test_a_network_that_cannot_be_used(tmp_path: Path, data: bytes, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        engine(tiny(tmp_path, data))


@pytest.mark.parametrize("op", ["MatMul", "Sub"])
@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "{}/weights.bin"])
def test_weights_in_other_files_are_refused_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, op: str, location: str
) -> None:
    """ONNX Runtime would look for them in the working directory when a network comes from memory."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for place in (tmp_path, inside):
        np.zeros((3, 3), np.float32).tofile(place / "weights.bin")
    monkeypatch.chdir(inside)
    shape: tiny_model.Shape = ["N", 2, 4, 3]
    weights = tiny_model.external_tensor("w", (3, 3) if op == "MatMul" else (4, 3), location.format(inside))
    data = tiny_model.network(
        [tiny_model.node(op, ["image", "w"], "scores")],
        [tiny_model.value("image", shape)],
        [tiny_model.value("scores", shape)],
        [weights],
    )
    with pytest.raises(ModelError, match="keeps weights in other files"):
        engine(tiny(inside, data))


def test_without_a_runtime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[cpu\]', or \[gpu\]"):
        engine(model)


def test_the_runtime_is_imported_by_a_session_only() -> None:
    check = (
        "import sys, framehop.inference.engine as e; e.load_model('coco-ssd'); sys.exit('onnxruntime' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
