"""The session on networks of a few bytes: dtypes, extra inputs, outputs of every kind, batches that are fixed, memory that runs
out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from framehop.errors import ClosedError, InvalidArgumentError, ModelError
from framehop.inference import OnnxSession, SessionOptions, binding, load_model, onnx
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.spec import ExtraInput, InputSpec
from framehop.inference.tensors import DeviceTensor
from tests import tiny_model
from tests.broken_runtime import broken_cuda
from tests.echo_network import KINDS, SPEC, batch, echo, numbers
from tests.tiny_model import FLOAT, FLOAT16, INT64, UINT8, field, network, node, picture, value

SHAPE: tiny_model.Shape = ["N", 2, 4, 3]


def session_of(
    directory: Path, data: bytes, outputs: Sequence[str], *, max_batch: int = 4, **changes: object
) -> OnnxSession:
    model = load_model(tiny_model.write_model(directory, data))
    spec = InputSpec(**{**SPEC, **changes})
    return OnnxSession(model, spec, SessionOptions(provider="cpu", threads=1), outputs=outputs, max_batch=max_batch)


def lent(pixels: Any) -> DeviceTensor:
    """Hand the same memory over as another library does."""
    return DeviceTensor.of(onnxruntime.OrtValue.ortvalue_from_numpy(pixels), pixels.dtype)


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize("dtype", KINDS)
def test_an_input_of_every_dtype_is_read_and_given_back_as_it_is(tmp_path: Path, dtype: str) -> None:
    session = session_of(tmp_path, echo(kind=KINDS[dtype]), ["same"], dtype=dtype)
    [run] = session.run(batch(3, dtype))
    assert run.outputs["same"].dtype == dtype
    assert np.array_equal(run.outputs["same"], batch(3, dtype))
    assert (run.count, run.used) == (3, 3)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_engine_finds_the_same_through_every_dtype_and_layout(tmp_path: Path, dtype: str, layout: str) -> None:
    shape = (2, 4, 3) if layout == "NHWC" else (3, 2, 4)
    data = tiny_model.ssd_network(shape=shape, kind=KINDS[dtype])
    path = tiny_model.write_model(tmp_path, data, input=SPEC | {"layout": layout, "dtype": dtype})
    with Engine(load_model(path), EngineOptions(provider="cpu", threads=1, max_batch=2)) as engine:
        found = engine.detect([picture(*[shade] * 3) for shade in (204, 254, 153)])
    np.testing.assert_allclose([float(each.scores[0]) * 255 for each in found], [204, 254, 153], atol=1e-3)


EXTRA = "sizes"


def with_extra(shape: tiny_model.Shape, kind: int) -> bytes:
    nodes = [node("Identity", ["image"], "same"), node("Identity", [EXTRA], "fed")]
    inputs = [value("image", SHAPE), value(EXTRA, shape, kind)]
    return network(nodes, inputs, [value("same", SHAPE), value("fed", shape, kind)], [])


@pytest.mark.parametrize(
    ("kind", "shape", "element", "row"),
    [
        ("canvas-wh", ["N", 2], INT64, [4, 2]),
        ("canvas-hw", ["N", 2], FLOAT, [2, 4]),
        ("canvas-hw", ["N", 2], FLOAT16, [2, 4]),
        ("scale-factor-one", ["M", 2], FLOAT, [1, 1]),
        ("ones-mask", ["N", 2, 4], INT64, [[1] * 4] * 2),
        ("ones-mask", ["N", "h", "w"], 9, [[True] * 4] * 2),
    ],
)
def test_an_extra_input_gets_one_row_per_picture_in_its_own_dtype(
    tmp_path: Path, kind: ExtraInput, shape: tiny_model.Shape, element: int, row: list[object]
) -> None:
    session = session_of(tmp_path, with_extra(shape, element), ["same", "fed"], extra={EXTRA: kind})
    for count in (1, 4, 2):
        [run] = session.run(batch(count))
        assert run.outputs["fed"].tolist() == [row] * count
        assert numbers([run]) == list(range(1, count + 1))


@pytest.mark.parametrize(("shape", "fed"), [([1, 2], [[4, 2]]), ([2], [4, 2])])
def test_an_extra_input_of_fixed_shape_gets_that(tmp_path: Path, shape: list[int], fed: list[object]) -> None:
    session = session_of(tmp_path, with_extra(shape, INT64), ["fed"], extra={EXTRA: "canvas-wh"})
    assert session.run(batch(3))[0].outputs["fed"].tolist() == fed


@pytest.mark.parametrize(
    ("shape", "element", "extra", "expected"),
    [
        (["N", 2], INT64, {}, r"input.extra: the network also needs 'sizes' \(int64 \[N, 2\]\)"),
        (["N", 3], INT64, {EXTRA: "canvas-wh"}, r"'sizes' takes \[N, 3\], and canvas-wh is \[N, 2\]"),
        (["N", 2], INT64, {EXTRA: "ones-mask"}, r"'sizes' takes \[N, 2\], and ones-mask is \[N, 2, 4\]"),
        (["N", 2], INT64, {EXTRA: "canvas-wh", "x": "canvas-wh"}, "the network has no input 'x'"),
        (["N", 2], 8, {EXTRA: "canvas-wh"}, "'sizes' takes string, which cannot hold canvas-wh"),
    ],
)
def test_an_extra_input_that_does_not_fit_is_named(
    tmp_path: Path, shape: tiny_model.Shape, element: int, extra: dict[str, ExtraInput], expected: str
) -> None:
    with pytest.raises(ModelError, match=expected):
        session_of(tmp_path, with_extra(shape, element), ["same"], extra=extra)


def test_a_canvas_that_the_dtype_cannot_hold_is_refused_not_wrapped(tmp_path: Path) -> None:
    shape: tiny_model.Shape = ["N", 2, 300, 3]
    nodes = [node("Identity", ["image"], "same"), node("Identity", [EXTRA], "fed")]
    data = network(nodes, [value("image", shape), value(EXTRA, ["N", 2], UINT8)], [value("same", shape)], [])
    with pytest.raises(ModelError, match="takes uint8, which cannot hold canvas-wh = 300"):
        session_of(tmp_path, data, ["same"], width=300, extra={EXTRA: "canvas-wh"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "x"}, r"input.name: the network has no input 'x'; it has: 'image' \(float32 \[N, 2, 4, 3\]\)"),
        ({"dtype": "uint8"}, "input.dtype: the network takes float32 for 'image', not uint8"),
        ({"width": 8}, r"the network takes \[N, 2, 4, 3\], and not \[N, 2, 8, 3\]"),
        ({"layout": "NCHW"}, r"the network takes \[N, 2, 4, 3\], and not \[N, 3, 2, 4\]"),
    ],
)
def test_a_picture_input_that_does_not_fit_names_the_key(tmp_path: Path, changes: Any, expected: str) -> None:
    with pytest.raises(ModelError, match=expected) as caught:
        session_of(tmp_path, echo(), ["same"], **changes)
    assert str(tmp_path / "model.yaml") in str(caught.value)


def test_a_network_without_sizes_takes_those_of_the_description(tmp_path: Path) -> None:
    sides: tiny_model.Shape = ["N", "h", "w", 3]
    data = network([node("Identity", ["image"], "same")], [value("image", sides)], [value("same", sides)], [])
    assert numbers(session_of(tmp_path, data, ["same"]).run(batch(2))) == [1, 2]


# ---------------------------------------------------------------- batches


def test_tensors_that_would_be_read_wrongly_are_refused(tmp_path: Path) -> None:
    session = session_of(tmp_path, echo(), ["same"], max_batch=8)
    good = batch(4)
    wrong = [good[::2], good[:0], good.astype(">f4"), good.astype(np.float16), good[:, :1], good.reshape(4, 4, 2, 3)]
    for one in [*wrong, lent(good[:, :1].copy()), lent(good)[:0]]:
        with pytest.raises(
            InvalidArgumentError, match=r"C-contiguous|a batch must be float32 \['N', 2, 4, 3\], N >= 1"
        ):
            session.run(one)
    session.close()
    session.close()
    with pytest.raises(ClosedError):
        session.run(good)


@pytest.mark.parametrize("first", ["N", 1, 3])
def test_a_tensor_of_the_runtime_is_read_where_it_lies(tmp_path: Path, first: int | str) -> None:
    """DALI's tensors come this way, through DLPack."""
    session = session_of(tmp_path, echo(first=first), ["same"], max_batch=8)
    assert numbers(session.run(lent(batch(5)))) == [1, 2, 3, 4, 5]
    assert numbers(session.run(lent(batch(5))[1:4])) == [2, 3, 4]


def test_an_array_is_copied_on_no_way_where_the_network_runs_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, pixels, fed = session_of(tmp_path, echo(), ["same"]), batch(3), []
    run = onnxruntime.InferenceSession.run

    def noted(self: Any, outputs: list[str], feeds: dict[str, Any]) -> Any:
        fed.append(feeds["image"])
        return run(self, outputs, feeds)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", noted)
    [found] = session.run(pixels)
    assert [np.shares_memory(each, pixels) for each in fed] == [True]
    assert not found.outputs["same"].flags.owndata, "it lies in the runtime's memory"
    assert not np.shares_memory(found.outputs["same"], pixels)
    assert found.outputs["same"].flags.writeable


@pytest.mark.parametrize("wrap", [lent, lambda pixels: lent(pixels)[0:2]])
def test_a_tensor_of_the_runtime_is_not_copied_on_the_way_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Callable[[Any], Any]
) -> None:
    """The pixels change after they were lent and before the run."""
    session = session_of(tmp_path, echo(), ["same"])
    pixels = batch(3)
    bind = binding._bind

    def bind_and_change(*arguments: Any) -> None:
        bind(*arguments)
        pixels[:] = 77

    monkeypatch.setattr(binding, "_bind", bind_and_change)
    assert set(numbers(session.run(wrap(pixels)))) == {77}


def test_more_than_the_largest_batch_runs_in_several(tmp_path: Path) -> None:
    runs = session_of(tmp_path, echo(), ["same"], max_batch=4).run(batch(9))
    assert [run.count for run in runs] == [4, 4, 1]
    assert numbers(runs) == list(range(1, 10))


def test_a_network_of_one_picture_runs_one_by_one(tmp_path: Path) -> None:
    session = session_of(tmp_path, echo(first=1), ["same"])
    assert session.one_by_one
    runs = session.run(batch(3))
    assert [(run.count, run.used) for run in runs] == [(1, 1)] * 3
    assert numbers(runs) == [1, 2, 3]


def test_a_network_of_four_pictures_is_filled_up_with_blank_ones_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = session_of(tmp_path, echo(first=4), ["same"], max_batch=8)
    for count in (6, 4, 1):
        runs = session.run(batch(count))
        assert numbers(runs) == list(range(1, count + 1))
        assert {run.count for run in runs} == {4}
        last = runs[-1]
        assert not last.outputs["same"][last.used :].any()
    assert not session.one_by_one
    [said] = [record.getMessage() for record in caplog.records]
    assert "takes exactly 4 pictures at once" in said


def test_the_engine_uses_a_network_of_four_pictures(tmp_path: Path) -> None:
    path = tiny_model.write_model(tmp_path, tiny_model.ssd_network(batch=4))
    with Engine(load_model(path), EngineOptions(provider="cpu", threads=1, max_batch=3)) as engine:
        found = engine.detect([picture(shade) for shade in range(250, 243, -1)])
    assert [round(float(each.scores[0]) * 255) for each in found] == list(range(250, 243, -1))


# ---------------------------------------------------------------- outputs


def test_outputs_come_as_they_are_whole_numbers_no_batch_axis_and_nothing_found(tmp_path: Path) -> None:
    nodes = [
        node("Shape", ["image"], "sides"),
        node("NonZero", ["image"], "found"),
        node("Cast", ["image"], "halves", to=FLOAT16),
    ]
    outputs = [value("sides", [4], INT64), value("found", [4, "M"], INT64), value("halves", SHAPE, FLOAT16)]
    session = session_of(
        tmp_path, network(nodes, [value("image", SHAPE)], outputs, []), ["halves", "found", "sides"], max_batch=1
    )
    [run] = session.run(np.zeros((1, 2, 4, 3), np.float32))
    assert list(run.outputs) == ["halves", "found", "sides"]
    assert run.outputs["sides"].tolist() == [1, 2, 4, 3]
    assert run.outputs["found"].dtype == np.int64
    assert run.outputs["found"].shape == (4, 0)
    assert run.outputs["halves"].dtype == np.float16
    [full] = session.run(batch(1))
    assert full.outputs["found"].shape == (4, 24)


def test_outputs_belong_to_the_caller(tmp_path: Path) -> None:
    session = session_of(tmp_path, echo(), ["same"])
    first, second = (session.run(batch(2) * factor)[0].outputs["same"] for factor in (1, 7))
    second[:] = 0
    assert first[:, 0, 0, 0].tolist() == [1, 2]
    assert session.run(batch(2))[0].outputs["same"][1, 0, 0, 0] == 2


def test_an_output_that_is_no_tensor_of_numbers_is_refused_by_name(tmp_path: Path) -> None:
    element = field(1, field(1, FLOAT))
    listed = field(1, "list") + field(2, field(4, field(1, element)))
    nodes = [node("SequenceConstruct", ["image"], "list"), node("Identity", ["image"], "same")]
    data = network(nodes, [value("image", SHAPE)], [listed, value("same", SHAPE)], [])
    assert numbers(session_of(tmp_path, data, ["same"]).run(batch(1))) == [1]
    with pytest.raises(ModelError, match=r"output 'list' is seq\(tensor\(float\)\); only tensors of numbers"):
        session_of(tmp_path, data, ["list"])
    with pytest.raises(ModelError, match="no output 'boxes'; it has: list, same"):
        session_of(tmp_path, data, ["boxes"])


# ---------------------------------------------------------------- memory, and devices that do not work


def short_of_memory(monkeypatch: pytest.MonkeyPatch, rows: int, words: str) -> list[int]:
    """Make the session fail as on a device that has room for fewer than so many pictures. Returns the sizes that were tried, as
    they come."""
    tried: list[int] = []

    def limited(
        session: onnxruntime.InferenceSession, feeds: Mapping[str, Any], outputs: Sequence[str], *, on_cpu: bool
    ) -> dict[str, Any]:
        tried.append(len(feeds["image"]))
        if tried[-1] >= rows:
            raise RuntimeError(words)
        return binding.run_tensors(session, feeds, outputs, on_cpu=on_cpu)

    monkeypatch.setattr(onnx, "run_tensors", limited)
    return tried


OUT_OF_MEMORY = [
    "CUDA failure 2: out of memory ; GPU=0",
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer of size 1073741824",
    "std::bad_alloc",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
    "TensorRT EP execution context enqueue failed. Error Code 2: OutOfMemory (no further information)",
    "CUDA error cudaErrorMemoryAllocation",
    "BFCArena::AllocateRawInternal Available memory of 104857600 is smaller than requested bytes of 209715200",
]


@pytest.mark.parametrize("words", OUT_OF_MEMORY)
def test_a_smaller_batch_is_tried_when_memory_runs_out_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, words: str
) -> None:
    session = session_of(tmp_path, echo(), ["same"], max_batch=8)
    tried = short_of_memory(monkeypatch, 3, words)
    assert numbers(session.try_batch(batch(8))) == list(range(1, 9))
    assert tried == [8, 4, 2, 2, 2, 2]
    assert numbers(session.run(batch(3))) == [1, 2, 3]
    assert tried[6:] == [2, 1]
    assert not session.one_by_one
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "2 run at once from now on" in said[-1]
    assert words in said[-1]


def test_memory_for_not_even_one_picture_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(tmp_path, echo(), ["same"], max_batch=4)
    tried = short_of_memory(monkeypatch, 1, OUT_OF_MEMORY[0])
    with pytest.raises(ModelError, match=r"batch of 1: CUDA failure 2: out of memory"):
        session.try_batch(batch(4))
    assert tried == [4, 2, 1]


def test_a_fixed_batch_cannot_be_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(tmp_path, echo(first=4), ["same"])
    tried = short_of_memory(monkeypatch, 3, OUT_OF_MEMORY[0])
    with pytest.raises(ModelError, match="out of memory"):
        session.run(batch(4))
    assert tried == [4]


def test_a_batch_that_fails_otherwise_is_not_taken_for_a_network_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path, echo(), ["same"], max_batch=4)
    short_of_memory(monkeypatch, 3, "whatever")
    with pytest.raises(ModelError, match=r"whatever; a smaller --max-batch may do"):
        session.try_batch(batch(4))
    assert not session.one_by_one


@pytest.mark.parametrize(
    "options", [SessionOptions(threads=1), SessionOptions(provider="cuda", allow_fallback=True, threads=1)]
)
def test_a_gpu_that_does_not_work_is_told_and_the_cpu_taken_where_that_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, options: SessionOptions
) -> None:
    broken_cuda(monkeypatch)
    model = load_model(tiny_model.write_model(tmp_path, echo()))
    session = OnnxSession(model, InputSpec(**SPEC), options, outputs=["same"], max_batch=2)
    assert session.provider == "cpu"
    assert numbers(session.run(batch(2))) == [1, 2]
    assert "no CUDA-capable device is detected" in caplog.records[0].getMessage()


def test_a_gpu_that_was_asked_for_and_does_not_work_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_cuda(monkeypatch)
    model = load_model(tiny_model.write_model(tmp_path, echo()))
    with pytest.raises(ModelError, match="no CUDA-capable device is detected"):
        OnnxSession(model, InputSpec(**SPEC), SessionOptions(provider="cuda"), outputs=["same"], max_batch=2)


@pytest.mark.parametrize(
    ("data", "profile"),
    [
        (with_extra(["N", 2], INT64), "image:4x2x4x3,sizes:4x2"),
        (with_extra([1, 2], INT64), "image:4x2x4x3"),
        (echo(first=3), None),
    ],
    ids=["both", "the picture alone", "fixed"],
)
def test_tensorrt_is_told_the_largest_shape_of_every_input_whose_batch_is_dynamic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, profile: str | None
) -> None:
    asked: list[dict[str, dict[str, str]]] = []
    real = onnxruntime.InferenceSession

    def create(data: bytes, options: object, *, providers: list[tuple[str, Any]], enable_fallback: int) -> object:
        asked.append(dict(providers))
        return real(data, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr("framehop.inference.providers.DEVICES", (Path("/dev/null"),))
    built_with = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: built_with)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", create)
    model = load_model(tiny_model.write_model(tmp_path, data))
    spec = InputSpec(**SPEC, extra={} if profile is None else {EXTRA: "canvas-wh"})
    options = SessionOptions(provider="tensorrt", allow_fallback=True)
    OnnxSession(model, spec, options, outputs=["same"], max_batch=4)
    assert list(asked[-1]) == built_with
    assert asked[-1]["TensorrtExecutionProvider"].get("trt_profile_max_shapes") == profile
