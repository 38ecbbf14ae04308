"""Pictures of 1080p from a ring's slots to another host, over TCP on this one: what it costs the sender."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from framehop import _core
from framehop.bench.pictures import HEIGHT, SIZE, WIDTH
from framehop.bench.trips import PATIENCE_S, Answers, SlotTrips, Trips, Way, repeated, until
from framehop.errors import ProcessError

_SLOTS = 4
_ANY_PORT = "tcp://127.0.0.1"
_ADDRESS = "address"
_POLL_S = 0.5


class _Slots:
    """A ring from whose slots pictures are sent: one is on its way at a time."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self._ring = stack.enter_context(_core.Ring.create(str(place / "ring"), slots=_SLOTS, slot_bytes=SIZE))
        self._reader = stack.enter_context(_core.RingReader.attach(self._ring.path, role="detector"))
        self._seq = 0

    def send(self, hand_over: Callable[[_core.Lease], object]) -> bool:
        """Send the next picture by `hand_over`. Returns whether its slot is still in use when all but the sender have let go of it:
        then what is sent lies in the slot itself."""
        slot = self._ring.wait_acquire(_core.FrameTag("bench", 1, self._seq), PATIENCE_S)
        if slot is None:
            raise ProcessError("the ring of the measurement has no free slot: a message has kept its lease")
        slot.array(HEIGHT, WIDTH)[0, 0, 0] = self._seq % 256
        ref = slot.publish()
        self._seq += 1
        lease = self._reader.try_lease(ref.slot, ref.generation)
        assert lease is not None
        with lease:
            hand_over(lease)
        del slot
        self._ring.retire(ref)
        return self._ring.free_slots() < self._ring.slot_count


class _Look:
    """The far side's look at each picture: the numbers must follow each other."""

    def __init__(self) -> None:
        self._seq = 0

    def at(self, first: int, size: int) -> None:
        if size != SIZE or first != self._seq % 256:
            raise ProcessError("a receiver of the measurement got another picture: its figures are void")
        self._seq += 1


def _announce(place: Path, address: str) -> None:
    (place / _ADDRESS).write_text(address)


def _address_of(place: Path) -> str:
    return (place / _ADDRESS).read_text()


# ---------------------------------------------------------------- framehop


def frame_sender() -> Way:
    """Return framehop's sender and receiver. The next picture is sent when the receiver is done with the one before."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with ExitStack() as stack:
            slots = _Slots(place, stack)
            sender = stack.enter_context(_core.FrameSender(f"{_ANY_PORT}:0", insecure=True, credits=1))
            _announce(place, sender.address)

            def serve() -> None:
                sender.poll(_POLL_S)

            def trip() -> bool:
                until(lambda: sender.receivers, "no receiver came", meanwhile=serve)
                until(lambda: sender.has_room("bench"), "no credit came", meanwhile=serve)
                return slots.send(sender.send)

            yield SlotTrips(trip)

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        with _core.FrameReceiver(_address_of(place), insecure=True, delivery="lossless", credits=1) as receiver:
            look = _Look()
            yield repeated(lambda: _receive(receiver, look))

    return Way(near=near, far=far)


def _receive(receiver: _core.FrameReceiver, look: _Look) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        frames, _, _ = receiver.poll(_POLL_S)
        for frame in frames:
            look.at(int(frame.array()[0, 0, 0]), frame.payload.size)
            return
    raise ProcessError("a picture of the measurement did not come")


# ---------------------------------------------------------------- pyzmq


def pyzmq(*, copies: bool) -> Way:
    """Return two sockets of pyzmq, with its copy of each picture or without; a word comes back for each."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with ExitStack() as stack:
            slots = _Slots(place, stack)
            end = _socket(stack)
            _announce(place, f"{_ANY_PORT}:{end.bind_to_random_port(_ANY_PORT)}")

            def trip() -> bool:
                end.recv()
                return slots.send(lambda lease: end.send(lease.array(), copy=copies))

            yield SlotTrips(trip)

    @contextmanager
    def far(place: Path, _number: int) -> Iterator[Answers]:
        with ExitStack() as stack:
            end = _socket(stack)
            end.connect(_address_of(place))
            look = _Look()

            def answer() -> None:
                end.send(b"ready")
                payload = np.frombuffer(end.recv(copy=False), np.uint8)
                look.at(int(payload[0]), payload.size)

            yield repeated(answer)

    return Way(near=near, far=far)


def _socket(stack: ExitStack) -> Any:
    end = stack.enter_context(stack.enter_context(zmq.Context()).socket(zmq.DEALER))
    end.setsockopt(zmq.LINGER, 0)
    end.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    return end
