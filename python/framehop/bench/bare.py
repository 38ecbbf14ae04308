"""Peers that every Linux has: eventfds over shared memory as the least that a wake costs, libzmq without framehop, pipes,
memcpy."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from framehop import _core
from framehop.bench.pictures import HEIGHT, SIZE, WIDTH, picture
from framehop.bench.trips import PATIENCE_S, Answers, Trips, Way, repeated, timed, until
from framehop.errors import ProcessError

_DESCRIPTOR = bytes(64)


# ---------------------------------------------------------------- eventfds over shared memory, in C++


@contextmanager
def _bells_near(place: Path) -> Iterator[Trips]:
    with ExitStack() as stack, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        memory = _owned(stack, os.memfd_create("framehop-bench"))
        os.ftruncate(memory, mmap.PAGESIZE)
        ours, theirs = (_owned(stack, os.eventfd(0, os.EFD_CLOEXEC)) for _ in range(2))
        door.bind(str(place / "bells"))
        door.listen()
        door.settimeout(PATIENCE_S)
        bells = _core.BareBells(memory, mine=ours, theirs=theirs)
        welcome = _Once(lambda: _hand_out(door, [memory, theirs, ours]))

        def trips(count: int) -> Sequence[int]:
            welcome()
            taken: list[int] = bells.time_trips(count).tolist()
            return taken

        yield trips


@contextmanager
def _bells_far(place: Path, _number: int) -> Iterator[Answers]:
    with ExitStack() as stack, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.settimeout(PATIENCE_S)
        door.connect(str(place / "bells"))
        _, fds, _, _ = socket.recv_fds(door, 16, 3)
        memory, mine, theirs = (_owned(stack, fd) for fd in fds)
        yield _core.BareBells(memory, mine=mine, theirs=theirs).answer_trips


def _hand_out(door: socket.socket, fds: list[int]) -> None:
    caller, _ = door.accept()
    with caller:
        socket.send_fds(caller, [b"bells"], fds)


def _owned(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


class _Once:
    """Does something at the first call."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what: Callable[[], None] | None = what

    def __call__(self) -> None:
        what, self._what = self._what, None
        if what is not None:
            what()


def bells() -> Way:
    """Return 64 bytes each way with a blocking eventfd as the wake, both loops in C++."""
    return Way(near=_bells_near, far=_bells_far)


# ---------------------------------------------------------------- libzmq


def native_zmq() -> Way:
    """Return 64 bytes each way from a DEALER to a ROUTER of libzmq, both loops in C++."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        end = _core.BareZmq(_ipc(place), bind=False)
        yield lambda count: end.time_trips(count).tolist()

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        yield _core.BareZmq(_ipc(place), bind=True).answer_trips

    return Way(near=near, far=far)


def pyzmq(*, pictures: bool) -> Way:
    """Return a DEALER and a ROUTER of pyzmq. `pictures`: of 1080p, sent without a copy of pyzmq's; else descriptors."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with _zmq_socket(zmq.DEALER, _ipc(place), bind=False) as end:
            payload: Any = picture() if pictures else _DESCRIPTOR

            def trip() -> None:
                end.send(payload, copy=not pictures)
                end.recv()

            yield timed(trip)

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        with _zmq_socket(zmq.ROUTER, _ipc(place), bind=True) as end:

            def answer() -> None:
                peer, payload = end.recv_multipart(copy=not pictures)
                if pictures:
                    _look(np.frombuffer(payload, np.uint8))
                end.send_multipart([peer, _DESCRIPTOR])

            yield repeated(answer)

    return Way(near=near, far=far)


def _ipc(place: Path) -> str:
    return f"ipc://{place}/zmq"


@contextmanager
def _zmq_socket(kind: int, address: str, *, bind: bool) -> Iterator[Any]:
    with zmq.Context() as context, context.socket(kind) as end:
        end.setsockopt(zmq.LINGER, 0)
        end.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
        (end.bind if bind else end.connect)(address)
        yield end


# ---------------------------------------------------------------- multiprocessing


def pipes(*, pictures: bool, readers: int = 1) -> Way:
    """Return connections of `multiprocessing`, each a Unix socket. `pictures`: of 1080p, as bytes; else descriptors."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with ExitStack() as stack:
            doors = [stack.enter_context(Listener(str(place / f"pipe-{i}"), "AF_UNIX")) for i in range(readers)]
            lines: list[Connection[Any, Any]] = []
            connect = _Once(lambda: lines.extend(stack.enter_context(door.accept()) for door in doors))
            payload: Any = (
                picture().reshape(-1) if pictures else _DESCRIPTOR
            )  # send_bytes counts in the first dimension

            def trip() -> None:
                for line in lines:
                    line.send_bytes(payload)
                for line in lines:
                    _received(line)

            def trips(count: int) -> Sequence[int]:
                connect()
                return timed(trip)(count)

            yield trips

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with Client(str(place / f"pipe-{number}"), "AF_UNIX") as line:

            def answer() -> None:
                payload = _received(line)
                if pictures:
                    _look(np.frombuffer(payload, np.uint8))
                line.send_bytes(_DESCRIPTOR)

            yield repeated(answer)

    return Way(near=near, far=far, readers=readers)


def _received(line: Connection[Any, Any]) -> bytes:
    until(lambda: line.poll(PATIENCE_S), "a message of the measurement did not come")
    return line.recv_bytes()


# ---------------------------------------------------------------- memcpy


def memcpy() -> Way:
    """Return one copy of a 1080p picture into shared memory, and nothing else."""

    @contextmanager
    def near(_place: Path) -> Iterator[Trips]:
        with mmap.mmap(-1, SIZE) as memory:
            there: NDArray[np.uint8] | None = np.frombuffer(memory, np.uint8).reshape(HEIGHT, WIDTH, 3)
            source = picture()
            yield timed(lambda: np.copyto(there, source))  # type: ignore[arg-type]
            there = None  # the mapping can be closed once no array is over it

    return Way(near=near)


def _look(pixels: NDArray[np.uint8]) -> None:
    """Read the first byte, as every reader of the measurement does."""
    if pixels.size != SIZE or int(pixels[0]) < 0:
        raise ProcessError("a reader of the measurement got no whole picture: its figures are void")
