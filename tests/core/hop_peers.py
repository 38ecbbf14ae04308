"""The other side of the hop for tests: its messages made by hand, and bare ZeroMQ sockets to send them from."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import zmq

from framehop._core import FrameRequest, HopClient, HopReply, HopServer, SlotRef
from tests.waiting import until

PATIENCE_S = 30.0
RING_PATH = "/run/framehop/ring"
HELLO, WELCOME, FRAMES, REPLY = 1, 2, 3, 4
OK, STALE, FAILED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Ref:
    """The fields of a SlotRef that the hop reads."""

    slot: int
    generation: int = 1
    width: int = 320
    height: int = 240
    stride: int = 960
    format: str = "rgb8"


def refs(*slots: int) -> list[SlotRef]:
    return [cast("SlotRef", Ref(slot)) for slot in slots]


def sizes(count: int) -> list[tuple[int, int]]:
    return [(640, 480)] * count


def address(directory: Path) -> str:
    return f"ipc://{directory}/hop"


def preamble(kind: int) -> bytes:
    return struct.pack("<4sHH", b"FHOP", 2, kind)


def hello(ring_id: int = 7, path: bytes = RING_PATH.encode()) -> bytes:
    return preamble(HELLO) + struct.pack("<QII", ring_id, len(path), 0) + path


def welcome(detector_id: int = 9, credits: int = 64) -> bytes:
    return preamble(WELCOME) + struct.pack("<QII", detector_id, credits, 0)


def descriptor(detector_id: int, slot: int = 3, generation: int = 1) -> bytes:
    return preamble(FRAMES) + struct.pack("<QQQ8I", detector_id, 7, 1, slot, generation, 640, 480, 320, 240, 960, 0)


def box(score: float = 0.5) -> bytes:
    return struct.pack("<5fi8x", 1.0, 2.0, 3.0, 4.0, score, 16)


def reply(slot: int, generation: int = 1, *, ring_id: int = 7, boxes: int = 1) -> bytes:
    fields = (slot, generation, OK, 1, 10, 11, 12, 13, 14, boxes, 0, 2)
    return preamble(REPLY) + struct.pack("<Q12I", ring_id, *fields) + box() * boxes


def failure(slot: int, text: str) -> bytes:
    fields = (slot, 1, FAILED, 1, 10, 11, 12, 13, 14, 0, len(text), 0)
    return preamble(REPLY) + struct.pack("<Q12I", 7, *fields) + text.encode()


def greet(server: HopServer, *clients: HopClient) -> None:
    """Poll until every client has its welcome."""

    def welcomed() -> bool:
        server.poll(0.01)
        for client in clients:
            client.poll(0.01)
        return all(client.credits for client in clients)

    until(welcomed, what="no welcome came")


def take_requests(server: HopServer, count: int) -> list[FrameRequest]:
    taken: list[FrameRequest] = []

    def arrived() -> bool:
        taken.extend(server.poll(0.1)[0])
        return len(taken) >= count

    until(arrived, what=f"{count} requests did not come")
    return taken


def take_replies(client: HopClient, count: int) -> list[HopReply]:
    taken: list[HopReply] = []

    def arrived() -> bool:
        taken.extend(client.poll(0.1)[0])
        return len(taken) >= count

    until(arrived, what=f"{count} replies did not come")
    return taken


@contextmanager
def raw_socket(kind: int, address: str, *, bind: bool = False, kept: int = 1000) -> Iterator[zmq.Socket[bytes]]:
    """A bare ZeroMQ socket, gone with everything unsent when the block ends. `kept`: messages that wait here to be received."""
    context = zmq.Context()
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, kept)
    socket.setsockopt(zmq.RECONNECT_IVL, -1)
    socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    try:
        (socket.bind if bind else socket.connect)(address)
        yield socket
    finally:
        socket.close()
        context.term()


ROOT = Path(__file__).parents[2]  # where the other process finds the tests' own modules
DETECTOR = """
import sys
from framehop._core import HopServer
server = HopServer(sys.argv[1])
print("bound", flush=True)
while True:
    server.poll(600)
"""


@contextmanager
def process(script: str, *arguments: str, first_line: str) -> Iterator[subprocess.Popen[str]]:
    """Run `script` in another process, from the moment it says its first line; killed when the block ends."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == first_line
            yield child
        finally:
            child.kill()
