"""The two ends of framehop's own ways: a client that asks, and a server that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from framehop import _core
from framehop.bench.trips import PATIENCE_S, until
from framehop.errors import ProcessError

Link = Literal["shm", "zmq"]

CREDITS = 64
STREAM = "bench"
_SCHEME = {"shm": "shm", "zmq": "ipc"}


def address(link: Link, place: Path, number: int = 0) -> str:
    return f"{_SCHEME[link]}://{place}/hop-{number}"


def connected(address: str, ring: _core.Ring) -> _core.HopClient:
    return _core.HopClient(address, ring_path=ring.path, ring_id=ring.ring_id)


def ask(client: _core.HopClient, ref: _core.SlotRef) -> None:
    if client.send([ref], [(ref.width, ref.height)]):
        return
    until(lambda: client.poll(0.1) and client.credits, "no welcome came")
    if not client.send([ref], [(ref.width, ref.height)]):
        raise ProcessError("the other process of the measurement is gone")


def hear(client: _core.HopClient) -> None:
    if not client.poll(PATIENCE_S)[0]:
        raise ProcessError("an answer of the measurement did not come")


def request_from(server: _core.HopServer) -> _core.FrameRequest:
    """Return the next request. There is one at a time; before it comes a hello."""
    while True:
        requests, greetings, _ = server.poll(PATIENCE_S)
        if requests:
            return requests[0]
        if not greetings:
            raise ProcessError("a descriptor of the measurement did not come")


def answer(server: _core.HopServer) -> None:
    server.reply(request_from(server))


def look_and_answer(server: _core.HopServer, reader: _core.RingReader, request: _core.FrameRequest) -> None:
    """Look at the picture where it lies, and answer. Raises ProcessError if it is gone, or another one."""
    lease = reader.try_lease(request.slot, request.generation)
    if lease is None:
        raise ProcessError("a picture of the measurement was gone before its reader came")
    with lease:
        if lease.array()[0, 0, 0] != lease.tag.seq % 256:
            raise ProcessError("a reader of the measurement saw another picture: its figures are void")
    server.reply(request)
