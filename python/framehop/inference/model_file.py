"""Says what a file is that ONNX Runtime cannot load, and what to do about it. It looks at bytes only and needs no runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LOOKED_AT = 4096
_MAX_FIELDS = 10_000  # a real file has a few dozen at its top; a hostile one would have us count millions

# Wire types of protobuf, and the fields of ONNX's ModelProto by their types.
_NUMBER, _SIZED, _FIXED_BYTES = 0, 2, {1: 8, 5: 4}
_KNOWN = dict.fromkeys((1, 5), _NUMBER) | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), _SIZED)
_IR_VERSION, _GRAPH, _OPSET = 1, 7, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkHeader:
    """The top of an ONNX file. `ir_version`, `opset`: of the format and of its own operators, 0 if the file does not say.
    `missing`: bytes that its lengths promise and the file lacks. `has_graph`: whether a network was seen."""

    ir_version: int
    opset: int
    missing: int
    has_graph: bool


def read_header(data: bytes) -> NetworkHeader | None:
    """Return the top of the ONNX file `data`, or None if it is no such file. A truncated one still has a header."""
    try:
        fields = list(_fields(data))
        whole = [field.content for field in fields if field.number == _OPSET and not field.missing]
        opsets = [_own_opset(bytes(content[:_LOOKED_AT])) for content in whole]
    except ValueError:
        return None
    has_graph = any(field.number == _GRAPH for field in fields)
    if not fields or not (has_graph or all(field.known for field in fields)):  # newer formats may have more fields
        return None
    return NetworkHeader(
        ir_version=max((field.value for field in fields if field.number == _IR_VERSION), default=0),
        opset=max(opsets, default=0),
        missing=sum(field.missing for field in fields),
        has_graph=has_graph,
    )


def explain(data: bytes) -> str:
    """Return what `data` is and what to do, as a clause that follows the file's name: `is …`; empty if it is a whole ONNX file."""
    for recognises, clause in _KINDS:
        if recognises(data):
            return clause
    header = read_header(data)
    if header is None:
        return "is not an ONNX file: give the .onnx file that the training framework exports"
    if header.missing:
        return f"is truncated: {header.missing} bytes are missing at its end; download or copy it again"
    if not header.has_graph:
        return "holds no network: it is truncated or was never ONNX; download or export it again"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field of a message: its `value` if it is a number, else its `content`, which may end before it should. `known`: whether
    ONNX has such a field; the number of another one is 0."""

    number: int
    known: bool
    value: int
    content: memoryview
    missing: int


def _fields(data: bytes) -> Iterator[_Field]:
    """Yield the fields of a message. Raises ValueError for bytes that are none."""
    at, view = 0, memoryview(data)
    for _ in range(_MAX_FIELDS):
        if at >= len(data):
            return
        key, at = _varint(data, at)
        value, begin, end = _extent(data, at, key & 7)
        known = _KNOWN.get(key >> 3) == key & 7
        missing = max(0, end - len(data))
        yield _Field(number=known * (key >> 3), known=known, value=value, content=view[begin:end], missing=missing)
        at = end
    raise ValueError("too many fields for an ONNX model")


def _extent(data: bytes, at: int, wire: int) -> tuple[int, int, int]:
    """Return a field's value if it is a number, and the places where its content begins and ends."""
    if wire == _NUMBER:
        value, end = _varint(data, at)
        return value, end, end
    if wire == _SIZED:
        size, begin = _varint(data, at)
        return 0, begin, begin + size
    if wire in _FIXED_BYTES:
        return 0, at, at + _FIXED_BYTES[wire]
    raise ValueError("no field of a message")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and the place behind it. Raises ValueError if it has no end."""
    number = 0
    for shift, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, at + shift + 1
    raise ValueError("no end of a number")


def _own_opset(data: bytes) -> int:
    """Return the version in an OperatorSetIdProto, or 0 if it is of other operators than ONNX's own."""
    domain, version = b"", 0
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, at = _varint(data, at)
        if key == 1 << 3 | 2:
            domain, at = data[at : at + number], at + number
        elif key == 2 << 3:
            version = number
    return version if domain in {b"", b"ai.onnx"} else 0


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magics)


def _is_page(data: bytes) -> bool:
    return data[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _is_torch(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04") and any(name in data[:_LOOKED_AT] for name in (b"data.pkl", b"constants.pkl"))


def _is_engine(data: bytes) -> bool:
    """Return whether the file begins with TensorRT's magic, or with a length and the JSON that Ultralytics puts in front."""
    noted = int.from_bytes(data[:4], "little")
    return data.startswith((b"ftrt", b"ptrt")) or (0 < noted < 1 << 20 and data[4:6] == b'{"')


def _is_safetensors(data: bytes) -> bool:
    return data[8:10] == b'{"' and int.from_bytes(data[:8], "little") < 1 << 32


_TORCH = (
    "is a PyTorch checkpoint, not ONNX: export it in the framework that trained it"
    " (Ultralytics: yolo export model=FILE.pt format=onnx; else torch.onnx.export)"
)
_KERAS = "Keras model, not ONNX: convert it, as with python -m tf2onnx.convert"

# In this order: a PyTorch checkpoint is a ZIP archive too.
_KINDS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda data: not data, "is empty: download or export it again"),
    (_is_page, "is an HTML page, such as a login or an error that was saved in place of the file: download it again"),
    (
        _begins(b"version https://git-lfs"),
        "is a Git LFS pointer, which only names the file: run git lfs install and git lfs pull where it was cloned",
    ),
    (_is_torch, _TORCH),
    (
        _begins(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        _TORCH.replace("a PyTorch", "pickled Python objects, as an old PyTorch"),
    ),
    (_begins(b"PK\x03\x04"), "is a ZIP archive: unpack it, and give the .onnx file inside"),
    (_begins(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd"), "is compressed: unpack it first"),
    (
        _is_engine,
        "is a TensorRT engine, which runs only on the GPU and version it was built for:"
        " give the .onnx file it was built from, and --provider tensorrt builds one here",
    ),
    (
        lambda data: data[4:8] == b"TFL3",
        "is a TensorFlow Lite model, not ONNX: convert it, as with python -m tf2onnx.convert --tflite FILE --output FILE.onnx",
    ),
    (_begins(b"\x89HDF\r\n\x1a\n"), f"is a HDF5 file, probably a {_KERAS}"),
    (_is_safetensors, "is a safetensors file, which holds weights without a network: export the model to ONNX"),
    (_begins(b"7767517"), "is an ncnn network, not ONNX: give the .onnx file it was made from"),
    (_begins(b"<?xml", b"<net"), "is XML, as OpenVINO's own format is: give the .onnx file it was made from"),
)
