"""Small pictures of one stream or of many, as many in flight as a detector grants, through a ring and the hop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from framehop import _core
from framehop.bench.ends import CREDITS, address, connected, look_and_answer
from framehop.bench.trips import PATIENCE_S, Answers, Trips, Way, repeated, timed, until
from framehop.errors import ProcessError

FRAMES = 64
"""Pictures of a trip: one of each stream where there are as many, else as many of the one."""

_SIDE = 96
_AT_ONCE = 16  # descriptors in a message, as a worker sends what was decoded together


def interleaved(streams: int) -> Way:
    """Return the way of `FRAMES` pictures that streams share evenly. A trip is all of them, so its time is that of the frames per
    second, whatever the number of streams."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        with (
            _core.Ring.create(str(place / "ring"), slots=FRAMES, slot_bytes=3 * _SIDE * _SIDE) as ring,
            connected(address("shm", place), ring) as client,
        ):
            yield timed(_Worker(ring, client, streams).trip)

    @contextmanager
    def far(place: Path, number: int) -> Iterator[Answers]:
        with (
            _core.HopServer(address("shm", place, number), credits=CREDITS) as server,
            _core.RingReader.attach(str(place / "ring"), role="detector") as reader,
        ):
            yield repeated(_Detector(server, reader).answer)

    return Way(near=near, far=far)


class _Worker:
    """The near side: publishes the pictures of a trip, and retires each when its answer is there."""

    def __init__(self, ring: _core.Ring, client: _core.HopClient, streams: int) -> None:
        self._ring, self._client = ring, client
        self._turns = [(f"cam-{number % streams}", count()) for number in range(streams)]

    def trip(self) -> None:
        until(lambda: self._client.credits, "no welcome came", meanwhile=lambda: self._client.poll(0.1))
        refs = [self._publish(*self._turns[number % len(self._turns)]) for number in range(FRAMES)]
        for first in range(0, FRAMES, _AT_ONCE):
            part = refs[first : first + _AT_ONCE]
            if not self._client.send(part, [(_SIDE, _SIDE)] * len(part)):
                raise ProcessError("the other process of the measurement is gone")
        self._hear({(ref.slot, ref.generation): ref for ref in refs})

    def _publish(self, stream: str, seqs: count[int]) -> _core.SlotRef:
        seq = next(seqs)
        slot = self._ring.try_acquire(_core.FrameTag(stream, 1, seq))
        if slot is None:
            raise ProcessError("the ring of the measurement has no free slot: a reader has kept its lease")
        slot.array(_SIDE, _SIDE)[0, 0, 0] = seq % 256
        return slot.publish()

    def _hear(self, waiting: dict[tuple[int, int], _core.SlotRef]) -> None:
        while waiting:
            replies, _ = self._client.poll(PATIENCE_S)
            if not replies:
                raise ProcessError("an answer of the measurement did not come")
            for reply in replies:
                self._ring.retire(waiting.pop((reply.slot, reply.generation)))


class _Detector:
    """The far side: looks at each picture where it lies, and answers."""

    def __init__(self, server: _core.HopServer, reader: _core.RingReader) -> None:
        self._server, self._reader = server, reader

    def answer(self) -> None:
        left = FRAMES
        while left:
            requests, greetings, _ = self._server.poll(PATIENCE_S)
            if not requests and not greetings:
                raise ProcessError("a descriptor of the measurement did not come")
            for request in requests:
                look_and_answer(self._server, self._reader, request)
            left -= len(requests)
