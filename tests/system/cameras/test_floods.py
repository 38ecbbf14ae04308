"""Senders that flood: what FFmpeg gathers of one picture that never ends is bounded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.cameras import Serve, answering, tcp_server
from tests.clips import remuxed, write_film

SENT, MOST = 100, 32  # MiB, and the largest block of memory; with that of the product the test would take long
BLOCK = b"\x55" * (1 << 20)
PACKETS = b"".join(b"\x47\x01\x00" + bytes([0x10 | number % 16]) + b"\x55" * 184 for number in range(16 * 348))

# Follows a camera until it ends, and prints by how many bytes the memory has grown at most.
FOLLOW = """
import re, sys
from pathlib import Path
from framehop.errors import SourceAwayError
from framehop.sources import allocations
allocations.MOST_BYTES = int(sys.argv[2]) << 20
from framehop.sources.address import Address
from framehop.sources.live.live_video import LiveVideo
def memory(name): return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
before = memory("VmRSS")
try:
    list(LiveVideo(Address.parse(sys.argv[1]), stream="cam", open_s=60.0, stall_s=60.0).follow(lambda: False))
except SourceAwayError as error:
    print(memory("VmHWM") - before)
"""


def endless_part() -> Serve:
    """A Motion JPEG whose one part claims 2 GB."""
    head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n\xff\xd8\xff"
    return answering("multipart/x-mixed-replace;boundary=b", [head, *repeat(BLOCK, SENT)])


def endless_unit(folder: Path) -> Serve:
    """A transport stream whose last access unit does not end."""
    film = remuxed(write_film(folder / "clip.mp4", 25), folder / "clip.ts").read_bytes()

    def parts() -> Iterator[bytes]:
        yield film
        yield from repeat(PACKETS, SENT)

    return answering("video/mp2t", parts())


@pytest.mark.parametrize("kind", ["part", "unit"])
def test_a_picture_that_does_not_end_fills_no_more_memory_than_any_may(tmp_path: Path, kind: str) -> None:
    serve = endless_part() if kind == "part" else endless_unit(tmp_path)
    with tcp_server(serve) as port:
        command = [sys.executable, "-c", FOLLOW, f"http://127.0.0.1:{port}/video", str(MOST)]
        followed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    grown = int(followed.stdout) >> 20
    blocks = 2 if kind == "unit" else 1  # its parser keeps the old block until the new one is filled
    assert grown < blocks * MOST + 25
