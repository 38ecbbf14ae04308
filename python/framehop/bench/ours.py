"""framehop's own ways: descriptors over the hop, pictures in a ring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.bench.ends import (
    CREDITS,
    STREAM,
    Link,
    address,
    answer,
    ask,
    connected,
    hear,
    look_and_answer,
    request_from,
)
from framehop.bench.pictures import HEIGHT, SIZE, WIDTH, picture
from framehop.bench.trips import Answers, Trips, Way, repeated, timed
from framehop.errors import ProcessError

_SLOTS = 4


def descriptors(link: Link) -> Way:
    """Return the product's own way: Python, the binding, the link, and back."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with _tiny_ring(place) as (ring, ref), connected(address(link, place), ring) as client:

            def trip() -> None:
                ask(client, ref)
                hear(client)

            yield timed(trip)

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with _core.HopServer(address(link, place, number), credits=CREDITS) as server:
            yield repeated(lambda: answer(server))

    return Way(near=near, far=far)


def native_descriptors(link: Link) -> Way:
    """Return the same with both loops in C++: what the link costs without Python."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with _tiny_ring(place) as (ring, _), connected(address(link, place), ring) as client:
            yield lambda count: _core.time_hop_trips(client, count).tolist()

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with _core.HopServer(address(link, place, number), credits=CREDITS) as server:
            yield lambda count: _core.answer_hop_trips(server, count)

    return Way(near=near, far=far)


def hand_off(link: Link, *, copies: bool, readers: int = 1) -> Way:
    """Return the way of a picture through a ring, to each of the readers. `copies`: it is copied into its slot first; else it
    comes to be there, as a decoder writes it, and only its number is written."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with ExitStack() as stack:
            ring = stack.enter_context(_core.Ring.create(str(place / "ring"), slots=_SLOTS, slot_bytes=SIZE))
            clients = [stack.enter_context(connected(address(link, place, i), ring)) for i in range(readers)]
            yield timed(_Sender(ring, clients, picture() if copies else None).trip)

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with (
            _core.HopServer(address(link, place, number), credits=CREDITS) as server,
            _core.RingReader.attach(str(place / "ring"), role="detector") as reader,
        ):
            yield repeated(_Reader(server, reader).answer)

    return Way(near=near, far=far, readers=readers)


class _Sender:
    """The near side of a hand-off: one picture at a time, to all readers."""

    def __init__(self, ring: _core.Ring, clients: list[_core.HopClient], source: NDArray[np.uint8] | None) -> None:
        self._ring, self._clients, self._source = ring, clients, source
        self._seq = 0

    def trip(self) -> None:
        slot = self._ring.try_acquire(_core.FrameTag(STREAM, 1, self._seq))
        if slot is None:
            raise ProcessError("the ring of the measurement has no free slot: a reader has kept its lease")
        pixels = slot.array(HEIGHT, WIDTH)
        if self._source is not None:
            np.copyto(pixels, self._source)
        pixels[0, 0, 0] = self._seq % 256
        ref = slot.publish()
        self._seq += 1
        for client in self._clients:
            ask(client, ref)
        for client in self._clients:
            hear(client)
        self._ring.retire(ref)


class _Reader:
    """The far side: looks at the picture where it lies, and answers."""

    def __init__(self, server: _core.HopServer, reader: _core.RingReader) -> None:
        self._server, self._reader = server, reader

    def answer(self) -> None:
        look_and_answer(self._server, self._reader, request_from(self._server))


@contextmanager
def _tiny_ring(place: Path) -> Iterator[tuple[_core.Ring, _core.SlotRef]]:
    """Make a ring with one published picture, whose descriptor is sent again and again."""
    with _core.Ring.create(str(place / "ring"), slots=1, slot_bytes=4096) as ring:
        slot = ring.try_acquire(_core.FrameTag(STREAM, 1, 0))
        assert slot is not None
        slot.array(16, 16)[:] = 0
        yield ring, slot.publish()
