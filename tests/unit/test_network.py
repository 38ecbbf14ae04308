"""A network opened to look at: what it says of itself, and what is said of files that are none."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.errors import ClosedError, ModelError
from framehop.inference import load_model
from framehop.inference.model_file import explain, read_header
from framehop.inference.network import Network, TensorInfo
from tests import tiny_model
from tests.tiny_model import field, node, tensor, value


def opened(directory: Path, data: bytes) -> Network:
    return Network.open(load_model(tiny_model.write_model(directory, data)))


def refusal(directory: Path, data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        opened(directory, data)
    message = str(caught.value)
    assert message.startswith(str(directory / "model.onnx"))
    assert "\n" not in message
    return message.removeprefix(f"{directory / 'model.onnx'} ")


def test_it_says_what_goes_in_and_out(tmp_path: Path) -> None:
    with opened(tmp_path, tiny_model.ssd_network()) as network:
        assert network.inputs == (TensorInfo(name="image", dtype="float32", shape=(None, 2, 4, 3)),)
        assert [(output.name, output.shape) for output in network.outputs] == [
            ("scores", (None, 1, 2)),
            ("boxes", (None, 1, 1, 4)),
        ]
        assert (network.opset, network.ir_version, network.producer) == (13, 8, "")
        found = network.run({"image": np.full((3, 2, 4, 3), 51, np.float32)})
    np.testing.assert_allclose(found["scores"], np.full((3, 1, 2), 0.2), atol=1e-6)
    assert found["boxes"].tolist() == [[[[0, 0.5, 1, 1]]]] * 3


def test_outputs_of_any_number_come_as_they_are_and_a_missing_shape_is_empty(tmp_path: Path) -> None:
    data = tiny_model.network(
        [node("Shape", ["image"], "sides"), node("Reshape", ["image", "to"], "same")],
        [value("image", [1, 2], kind=10), value("to", ["rank"], kind=7)],
        [value("sides", [2], kind=7), field(1, "same") + field(2, field(1, field(1, 10)))],
        [],
    )
    with opened(tmp_path, data) as network:
        assert [(output.dtype, output.shape) for output in network.outputs] == [("int64", (2,)), ("float16", ())]
        found = network.run({"image": np.ones((1, 2), np.float16), "to": np.array([2])})
    assert found["sides"].dtype == np.int64
    assert found["sides"].tolist() == [1, 2]
    assert found["same"].dtype == np.float16


def sequence(name: str) -> bytes:
    element = field(1, field(1, 1))
    return field(1, name) + field(2, field(4, field(1, element)))


def test_an_output_that_is_no_tensor_is_named_and_not_run(tmp_path: Path) -> None:
    nodes = [node("SequenceConstruct", ["image"], "list"), node("Identity", ["image"], "same")]
    both = [sequence("list"), value("same", [1, 2])]
    with opened(tmp_path, tiny_model.network(nodes, [value("image", [1, 2])], both, [])) as network:
        assert network.outputs[0].dtype == "seq(tensor(float))"
        assert list(network.run({"image": np.ones((1, 2), np.float32)})) == ["same"]
    only = tiny_model.network(nodes[:1], [value("image", [1, 2])], both[:1], [])
    with opened(tmp_path, only) as network, pytest.raises(ModelError, match="no output that is a tensor of numbers"):
        network.run({"image": np.ones((1, 2), np.float32)})


def test_a_run_that_fails_says_why_and_a_closed_network_runs_no_more(tmp_path: Path) -> None:
    network = opened(tmp_path, tiny_model.ssd_network())
    with pytest.raises(ModelError, match=r"try of the network: .*Got: 5 Expected: 3"):
        network.run({"image": np.zeros((1, 2, 4, 5), np.float32)})
    network.close()
    network.close()
    with pytest.raises(ClosedError):
        network.run({})


def note(key: str, text: str | bytes) -> bytes:
    return field(14, field(1, key) + field(2, text))


def test_metadata_is_read_up_to_a_bound(tmp_path: Path) -> None:
    many = b"".join(note(f"k{i}", "x" * 1_000_000) for i in range(9))
    data = tiny_model.ssd_network() + note("names", "{0: 'a'}") + note("huge", "y" * (3 << 20)) + many
    with opened(tmp_path, data + field(2, "pytorch")) as network:
        assert network.metadata["names"] == "{0: 'a'}"
        assert network.metadata["huge"] == "y" * 64, (
            "that there is one can be seen, but it cannot be taken for the whole"
        )
        assert sum(map(len, network.metadata.values())) <= 4 << 20
        assert network.producer == "pytorch"


def test_names_that_are_no_text_are_an_error_of_ours(tmp_path: Path) -> None:
    assert "not UTF-8" in refusal(tmp_path, tiny_model.ssd_network() + note("names", b"\xff\xfe"))


def archive(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened_zip:
        opened_zip.writestr(name, b"x")
    return file.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WHOLE = tiny_model.ssd_network()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><html><body>Sign in", "is an HTML page"),
        (b"<HTML><head>", "is an HTML page"),
        (POINTER, "git lfs pull"),
        (archive("best/data.pkl"), "yolo export"),
        (archive("code.txt"), "unpack it"),
        (pickle.dumps({"model": 1}, protocol=2), "pickled Python objects, as an old PyTorch checkpoint"),
        (b"\x1f\x8b\x08" + bytes(40), "is compressed"),
        (b"ftrt" + bytes(40), "give the .onnx file it was built from"),
        ((40).to_bytes(4, "little") + b'{"description": "engine"}' + bytes(90), "is a TensorRT engine"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "tf2onnx.convert --tflite"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "probably a Keras model"),
        ((30).to_bytes(8, "little") + b'{"weight": {}}' + bytes(40), "safetensors"),
        (b"7767517\n75 83\n", "ncnn"),
        (b'<?xml version="1.0"?><net name="x">', "OpenVINO's own format"),
        (b"no protobuf", "is not an ONNX file"),
        (b"\x80" * 64, "is not an ONNX file"),
        (b"\x08\x01" * 100_000, "is not an ONNX file"),
        (WHOLE[:-3], "is truncated: 3 bytes are missing"),
        (WHOLE[:300], "is truncated"),
        (field(1, 8) + field(2, "pytorch"), "holds no network"),
        (
            WHOLE[:-6] + field(8, field(2, 999)),
            "of opset 999, IR version 8: too new .* older opset .*is till opset [0-9]+",
        ),
        (
            field(1, 99) + WHOLE[2:],
            "of opset 13, IR version 99: too new .*max supported IR version: [0-9]+$",
        ),
    ],
    ids=lambda found: found[:24] if isinstance(found, str) else "",
)
def test_a_file_that_is_no_network_says_what_it_is(tmp_path: Path, data: bytes, expected: str) -> None:
    assert re.search(expected, refusal(tmp_path, data))


def test_a_network_that_the_runtime_refuses_keeps_its_reason(tmp_path: Path) -> None:
    data = tiny_model.network([node("NoSuchOp", ["image"], "out")], [value("image", [1])], [value("out", [1])], [])
    assert "NoSuchOp" in refusal(tmp_path, data)


def test_weights_elsewhere_say_how_to_save_them_within(tmp_path: Path) -> None:
    weights = tiny_model.external_tensor("w", (4, 3), "weights.bin")
    np.zeros((4, 3), np.float32).tofile(tmp_path / "weights.bin")
    data = tiny_model.network(
        [node("Sub", ["image", "w"], "out")], [value("image", [4, 3])], [value("out", [4, 3])], [weights]
    )
    assert "save_as_external_data=False" in refusal(tmp_path, data)


def test_a_file_that_was_replaced_is_refused(tmp_path: Path) -> None:
    model = load_model(tiny_model.write_model(tmp_path))
    (tmp_path / "model.onnx").write_bytes(tiny_model.ssd_network(batch=1))
    with pytest.raises(ModelError, match="SHA-256"):
        Network.open(model)


def test_whole_files_have_nothing_said_of_them() -> None:
    assert explain(WHOLE) == ""
    weights = tensor("w", np.zeros(4, np.float32))
    other = tiny_model.network([node("Add", ["x", "w"], "y")], [value("x", [4])], [value("y", [4])], [weights])
    header = read_header(other + field(8, field(1, "ai.onnx.ml") + field(2, 99)))
    assert header is not None
    assert (header.opset, header.missing) == (13, 0)


def test_fields_of_a_later_format_are_no_fault(tmp_path: Path) -> None:
    later = WHOLE + field(99, "more") + field(5, b"not a number") + b"\xa5\x06" + bytes(4) + b"\xa1\x06" + bytes(8)
    assert explain(later) == ""
    with opened(tmp_path, later) as network:
        assert network.opset == 13
    assert "not an ONNX file" in explain(field(99, "more") + field(2, "pytorch"))


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)))
def test_no_bytes_break_the_reading(junk: bytes, at: int) -> None:
    for data in (junk, WHOLE[:at] + junk, junk + WHOLE[at:]):
        assert isinstance(explain(data), str)
