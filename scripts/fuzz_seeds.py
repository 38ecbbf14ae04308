"""Writes the seeds of cpp/fuzz: small films of every kind as the targets read them, a picture, the hop's messages and those between
hosts, and the memory of a ring and of a link. Needs framehop[dev]."""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from framehop import _core

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "cpp" / "fuzz" / "corpus"
KINDS = {
    "h264": ("libx264", "keyint=4:min-keyint=4:scenecut=0", 0),
    "h264_b": ("libx264", "keyint=6:min-keyint=6:scenecut=0", 2),
    "h264_open": ("libx264", "keyint=4:min-keyint=4:scenecut=0:open-gop=1", 2),
    "h264_interlaced": ("libx264", "keyint=4:min-keyint=4:scenecut=0:tff=1", 0),
    "h264_refresh": ("libx264", "keyint=4:min-keyint=4:scenecut=0:intra-refresh=1", 0),
    "h265": ("libx265", "keyint=4:min-keyint=4", 2),
    "h265_open": ("libx265", "keyint=4:min-keyint=4:open-gop=1", 2),
}


def main() -> None:
    """Write all seeds anew."""
    sys.path.insert(0, str(ROOT))
    from framehop import _core
    from framehop.sources.passthrough import PassedVideo
    from tests.clips import write_film

    with tempfile.TemporaryDirectory() as folder:
        for name, (codec, params, bframes) in KINDS.items():
            film = write_film(Path(folder) / f"{name}.mp4", 10, codec=codec, params=params, bframes=bframes)
            units = [picture.payload for picture in PassedVideo(film, stream="s").pictures()]
            _write("access_unit", name, units[0])
            _write("access_unit", f"{name}_later", units[3])
            options = int(codec == "libx265")
            for suffix, more in {"": 0, "_taken": 2, "_gaps": 4}.items():
                _write("video_decoder", name + suffix, bytes([options | more]) + b"".join(map(_sized, units)))
    _write("jpeg_header", "grey.jpg", _core.encode_jpeg(np.full((24, 32, 3), 90, np.uint8)))
    _write_jpegs()
    _write_hop()
    _write_frames()
    _write_ring("one_picture", 8, "rgb8")
    _write_ring("planes", 51, "nv12")


def _write_jpegs() -> None:
    """Write small pictures of each sampling that the quick decoder reads, each behind the byte for its scale."""
    from PIL import Image

    picture = Image.linear_gradient("L").resize((37, 29)).convert("RGB")
    for scale, (name, subsampling, restarts) in enumerate(
        [("444", "4:4:4", 0), ("422", "4:2:2", 3), ("420", "4:2:0", 2), ("420_whole", "4:2:0", 0)]
    ):
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=90, subsampling=subsampling, restart_marker_blocks=restarts)
        _write("jpeg_pixels", name, bytes([scale]) + jpeg.getvalue())
    grey = io.BytesIO()
    picture.convert("L").save(grey, "JPEG", optimize=True)
    _write("jpeg_pixels", "grey", b"\3" + grey.getvalue())


def _write_hop() -> None:
    """Write each message of the hop, and a queue of the link's memory that holds some of them."""
    from tests.core import hop_peers as peers

    messages = {
        "hello": peers.hello(),
        "welcome": peers.welcome(),
        "descriptors": peers.descriptor(9, 1) + peers.descriptor(9, 2),
        "reply": peers.reply(3, boxes=2),
        "failure": peers.failure(3, "no such network"),
    }
    for name, message in messages.items():
        _write("hop_messages", name, message)
    records = b"".join(
        len(message).to_bytes(8, "little") + message for message in messages.values() if len(message) % 8 == 0
    )
    _write("link_memory", "messages", struct.pack("<QQI4x", len(records), 0, 1) + records)


def _write_frames() -> None:
    """Write each message between hosts, and the headers of frames in several formats."""
    from framehop.hop import messages

    _write(
        "frame_messages", "want", messages.want(session=7, received=3, credits=4, delivery="latest", stream="gate-1")
    )
    _write("frame_messages", "welcome", struct.pack("<IHHQ", messages.MAGIC, messages.VERSION, 2, 7))
    for name, (encoding, width, height, stride, payload) in {
        "rgb8_padded": (1, 4, 2, 16, 32),
        "jpeg": (2, 640, 480, 0, 1000),
        "i420_odd": (5, 5, 3, 6, 30),
        "nv12": (6, 4, 2, 4, 12),
        "bytes": (7, 70_000, 1, 70_000, 70_000),
    }.items():
        preamble = (messages.MAGIC, messages.VERSION, 3)
        fields = (7, 0, 0, 1, 2, 3, payload, width, height, stride, encoding, len("gate-1"), 9)
        _write("frame_messages", name, struct.pack("<IHHQQQqqqQIIIIII", *preamble, *fields) + b"gate-1")


def _write_ring(name: str, side: int, pixel_format: _core.PixelFormat) -> None:
    """Write the control memory of a ring with a picture in it, as a reader gets it."""
    from framehop import _core
    from tests.ring_knocks import ATTACH, DETECTOR, MAGIC, VERSION

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ring"
        with (
            _core.Ring.create(path, slots=2, slot_bytes=4096, tap_quota=1) as ring,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as reader,
        ):
            slot = ring.try_acquire(_core.FrameTag("gate-1", 1, 42))
            assert slot is not None
            slot.planes(side, side, pixel_format)
            slot.publish()
            reader.connect(path)
            reader.send(ATTACH.pack(MAGIC, VERSION, DETECTOR))
            _, (pixels, control), _, _ = socket.recv_fds(reader, 4096, 2)
            _write("ring_layout", name, os.pread(control, 1 << 16, 0))
            os.close(pixels)
            os.close(control)


def _sized(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit


def _write(target: str, name: str, content: bytes) -> None:
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
