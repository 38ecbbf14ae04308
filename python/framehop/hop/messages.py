"""The messages between a sender of frames and its receivers, byte for byte those of cpp/include/framehop/wire/frames.hpp."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from framehop.errors import BadMessageError, InvalidArgumentError

FrameDelivery = Literal["latest", "lossless"]
Encoding = Literal["jpeg", "rgb8", "bgr8", "gray8", "i420", "nv12", "bytes"]

MAGIC, VERSION = 0x5346_4846, 1
MAX_CREDITS = 64
MAX_STREAM = 128  # bytes
KEY_CHARACTERS = 40  # of a CURVE key, in Z85
MAX_NOTE = 1 << 20
MAX_SIDE = 65_535
MAX_STRIDE = 1 << 18
MAX_PAYLOAD = 1 << 32

_WANT = struct.Struct("<IHHQQIIII")
_WELCOME = struct.Struct("<IHHQ")
_HEADER = struct.Struct("<IHHQQQqqqQIIIIII")
_KIND_WANT, _KIND_WELCOME, _KIND_FRAME = 1, 2, 3
_DELIVERIES: dict[FrameDelivery, int] = {"latest": 1, "lossless": 2}
_ENCODINGS: dict[int, Encoding] = {
    1: "rgb8",
    2: "jpeg",
    3: "bgr8",
    4: "gray8",
    5: "i420",
    6: "nv12",
    7: "bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The description of a frame in a message. `number`, `skipped`: of its session, as ReceivedFrame has them. `stride`: bytes, 0
    for a JPEG."""

    session: int
    number: int
    skipped: int
    stream: str
    epoch: int
    seq: int
    sent_us: int
    width: int
    height: int
    stride: int
    encoding: Encoding


def want(*, session: int, received: int, credits: int, delivery: FrameDelivery, stream: str) -> bytes:
    """Return the message that asks for frames. Raises InvalidArgumentError for more credits, or a longer stream, than there are."""
    name = stream.encode()
    if not 1 <= credits <= MAX_CREDITS or len(name) > MAX_STREAM or b"\0" in name:
        raise InvalidArgumentError(f"credits must be 1 to {MAX_CREDITS}, a stream id at most {MAX_STREAM} bytes")
    fixed = _WANT.pack(MAGIC, VERSION, _KIND_WANT, session, received, credits, _DELIVERIES[delivery], len(name), 0)
    return fixed + name


def parse_welcome(message: bytes | memoryview) -> int:
    """Return the session that a welcome names. Raises BadMessageError."""
    if len(message) != _WELCOME.size:
        raise BadMessageError(f"a welcome has {_WELCOME.size} bytes, not {len(message)}")
    magic, version, kind, session = _WELCOME.unpack(message)
    _check((magic, version, kind) == (MAGIC, VERSION, _KIND_WELCOME) and session > 0, "no welcome of this version")
    return int(session)


def parse_header(message: bytes | memoryview, payload_bytes: int, note_bytes: int) -> Header:
    """Parse the first part of a frame, against the sizes of the two others. Nothing is copied before its size is known to be
    small. Raises BadMessageError."""
    _check(len(message) >= _HEADER.size, "a frame's header is cut short")
    (
        *preamble, session, number, skipped, epoch, seq, sent_us, payload, width, height, stride, encoding, name, note,
    ) = _HEADER.unpack_from(message)  # fmt: skip
    _check(preamble == [MAGIC, VERSION, _KIND_FRAME] and session > 0, "no frame of this version")
    _check(len(message) == _HEADER.size + name and 1 <= name <= MAX_STREAM, "a stream id of another length")
    _check(payload == payload_bytes <= MAX_PAYLOAD and note == note_bytes <= MAX_NOTE, "parts of other sizes")
    _check(epoch >= 0 <= seq, "a number out of range")
    _check(encoding in _ENCODINGS, "an encoding that this version does not know")
    _check(_has_size(_ENCODINGS[encoding], width, height, stride, payload), "a picture of another size")
    return Header(
        session=session,
        number=number,
        skipped=skipped,
        stream=_text(bytes(message[_HEADER.size :])),
        epoch=epoch,
        seq=seq,
        sent_us=sent_us,
        width=width,
        height=height,
        stride=stride,
        encoding=_ENCODINGS[encoding],
    )


def session_of(message: bytes | memoryview) -> int:
    """Return the session that a frame's first part names, whatever else it says; 0 if the part is of another version."""
    if len(message) < _HEADER.size:
        return 0
    *preamble, session = _HEADER.unpack_from(message)[:4]
    return int(session) if preamble == [MAGIC, VERSION, _KIND_FRAME] else 0


def _has_size(encoding: Encoding, width: int, height: int, stride: int, payload: int) -> bool:
    """Whether a picture, or bytes, of these sides take so many bytes; as base/pixel_format.hpp has it."""
    if encoding == "bytes":
        return width == stride == payload >= 1 and height == 1
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and stride <= MAX_STRIDE):
        return False
    match encoding:
        case "jpeg":
            return stride == 0 and payload >= 1
        case "i420" | "nv12":
            return stride == 2 * half(width) and payload == stride * (height + half(height))
    least = width if encoding == "gray8" else 3 * width
    return stride >= least and payload == stride * height


def half(side: int) -> int:
    """Return half a side of a picture, rounded up: what the planes of colour have."""
    return (side + 1) // 2


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise BadMessageError(f"not a message of a sender of frames: {what}")


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadMessageError("not a message of a sender of frames: a stream id that is not UTF-8") from error
    _check("\0" not in text, "a stream id with a NUL")
    return text
