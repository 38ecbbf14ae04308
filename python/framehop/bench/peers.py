"""Peers from PyPI, each used as its own documentation does. They are measured where they are installed."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from framehop.bench.pictures import HEIGHT, SIZE, WIDTH, picture
from framehop.bench.trips import PATIENCE_S, Answers, Trips, Way, repeated, timed, until
from framehop.errors import ProcessError

OPENCV = "opencv-python-headless"
NEEDED = {
    "iceoryx2": ("iceoryx2",),
    "imagezmq": ("imagezmq", "cv2"),
    "simplejpeg": ("simplejpeg",),
    OPENCV: ("cv2",),
    "imagecodecs": ("imagecodecs",),
}
"""The modules that a peer needs, by its name on PyPI."""


def installed(peer: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in NEEDED[peer])


# ---------------------------------------------------------------- iceoryx2


class _Iceoryx:
    """One side: a publisher and a subscriber of bytes, and a notifier and a listener as the wake."""

    def __init__(self, place: Path, *, near: bool, size: int) -> None:
        self._lib: Any = importlib.import_module("iceoryx2")
        self._lib.set_log_level(self._lib.LogLevel.Error)
        self._node = self._lib.NodeBuilder.new().create(self._lib.ServiceType.Ipc)
        out, back = ("there", "back") if near else ("back", "there")
        self._publisher = self._pictures(place, out).publisher_builder().initial_max_slice_len(size).create()
        self._subscriber = self._pictures(place, back).subscriber_builder().create()
        self._notifier = self._event(place, out).notifier_builder().create()
        self._listener = self._event(place, back).listener_builder().create()
        self._patience = self._lib.Duration.from_secs(int(PATIENCE_S))

    def _service(self, place: Path, name: str) -> Any:
        return self._node.service_builder(self._lib.ServiceName.new(f"framehop-bench{place}/{name}"))

    def _pictures(self, place: Path, name: str) -> Any:
        return self._service(place, name).publish_subscribe(self._lib.Slice[ctypes.c_uint8]).open_or_create()

    def _event(self, place: Path, name: str) -> Any:
        return self._service(place, f"{name}-event").event().open_or_create()

    def send(self, size: int) -> None:
        sample = self._publisher.loan_slice_uninit(size)
        sample.payload()[0] = 1
        sample.assume_init().send()
        self.wake()

    def wake(self) -> None:
        self._notifier.notify()

    def wake_until_woken(self) -> None:
        """Wake the other side again and again: what was said before it had its listener is lost."""
        pause_s = 0.02
        pause = self._lib.Duration.from_millis(int(pause_s * 1000))
        for _ in range(int(PATIENCE_S / pause_s)):
            self.wake()
            if self._listener.timed_wait(pause):
                return
        raise ProcessError("iceoryx2: the other side did not come")

    def wait(self) -> None:
        if not self._listener.timed_wait(self._patience):
            raise ProcessError("iceoryx2: no event came")

    def receive(self) -> None:
        """Wait for one, look at its first byte, and give it back."""
        while (sample := self._subscriber.receive()) is None:
            self.wait()
        if sample.payload()[0] != 1:
            raise ProcessError("iceoryx2: another payload came: its figures are void")
        sample.delete()


def iceoryx2(size: int) -> Way:
    """Return a loan of `size` bytes, which come to be in it, with an event as its wake; 64 bytes come back the same way."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        end = _Iceoryx(place, near=True, size=size)
        ready: list[bool] = []

        def trip() -> None:
            end.send(size)
            end.receive()

        def trips(count: int) -> Any:
            if not ready:  # the other side has its ports
                end.wait()
                ready.append(True)
            return timed(trip)(count)

        yield trips

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        end = _Iceoryx(place, near=False, size=64)
        end.wake_until_woken()

        def answer() -> None:
            end.receive()
            end.send(64)

        yield repeated(answer)

    return Way(near=near, far=far)


# ---------------------------------------------------------------- imagezmq


def imagezmq() -> Way:
    """Return its REQ and REP pattern: a picture there, a word back."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with importlib.import_module("imagezmq").ImageSender(connect_to=_ipc(place)) as sender:
            source = picture()
            yield timed(lambda: sender.send_image("bench", source))

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        with importlib.import_module("imagezmq").ImageHub(open_port=_ipc(place)) as hub:

            def answer() -> None:
                _check(hub.recv_image()[1])
                hub.send_reply(b"OK")

            yield repeated(answer)

    return Way(near=near, far=far)


def imagezmq_fan_out(readers: int) -> Way:
    """Return its PUB and SUB pattern. It has no answers, so each reader says by a socket of its own that it has the picture."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with ExitStack() as stack:
            sender = stack.enter_context(
                importlib.import_module("imagezmq").ImageSender(connect_to=_ipc(place), REQ_REP=False)
            )
            answers = stack.enter_context(stack.enter_context(zmq.Context()).socket(zmq.PULL))
            answers.setsockopt(zmq.LINGER, 0)
            answers.bind(f"{_ipc(place)}-answers")
            crowd = _Crowd(sender.send_image, answers, readers)
            yield crowd.trips

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with ExitStack() as stack:
            hub = stack.enter_context(
                importlib.import_module("imagezmq").ImageHub(open_port=_ipc(place), REQ_REP=False)
            )
            answers = stack.enter_context(stack.enter_context(zmq.Context()).socket(zmq.PUSH))
            answers.setsockopt(zmq.LINGER, int(PATIENCE_S * 1000))
            answers.connect(f"{_ipc(place)}-answers")
            yield _Listener(hub.recv_image, answers, number).answers

    return Way(near=near, far=far, readers=readers)


class _Crowd:
    """The near side of PUB and SUB. A subscriber that comes later misses what was sent before, so pictures of number 0 are sent
    until all are there."""

    def __init__(self, send: Callable[[str, NDArray[np.uint8]], object], answers: Any, readers: int) -> None:
        self._send, self._answers, self._readers = send, answers, readers
        self._source = picture()
        self._seq = 0

    def trips(self, count: int) -> Any:
        if self._seq == 0:
            there: set[bytes] = set()
            until(lambda: self._all_there(there), "a subscriber did not come")
        return timed(self._trip)(count)

    def _all_there(self, there: set[bytes]) -> bool:
        self._send("0", self._source)
        while self._answers.poll(50):
            there.add(self._answers.recv().split()[0])
        return len(there) == self._readers

    def _trip(self) -> None:
        self._seq += 1
        self._send(str(self._seq), self._source)
        left = self._readers
        while left:
            if not self._answers.poll(int(PATIENCE_S * 1000)):
                raise ProcessError("imagezmq: an answer did not come")
            left -= self._answers.recv().split()[1] == str(self._seq).encode()


class _Listener:
    """The far side of PUB and SUB."""

    def __init__(self, receive: Callable[[], tuple[str, NDArray[np.uint8]]], answers: Any, number: int) -> None:
        self._receive, self._answers, self._number = receive, answers, number

    def answers(self, count: int) -> None:
        """Answer so many pictures, and all of number 0 before them."""
        while count:
            seq, pixels = self._receive()
            _check(pixels)
            self._answers.send(f"{self._number} {seq}".encode())
            count -= seq != "0"


def _ipc(place: Path) -> str:
    return f"ipc://{place}/imagezmq"


def _check(pixels: NDArray[np.uint8]) -> None:
    if pixels.shape != (HEIGHT, WIDTH, 3) or pixels.nbytes != SIZE:
        raise ProcessError("imagezmq: no whole picture came: its figures are void")
