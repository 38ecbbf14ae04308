"""Any bytes at all, and damaged messages, to the real server and the real client."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framehop._core import FrameRequest, HopClient, HopReply, HopServer
from tests.core import hop_peers as peers
from tests.core.hop_peers import address, raw_socket, refs, sizes
from tests.waiting import until

DAMAGE = st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)), max_size=3)
LENGTH = st.one_of(st.none(), st.integers(0, 160))
EXAMPLES = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(message: bytes, hits: list[tuple[int, int]], length: int | None) -> bytes:
    """`message` with some bytes replaced, cut or padded to `length`."""
    body = bytearray(message)
    for place, value in hits:
        body[place % len(body)] = value
    return bytes(body if length is None else body[:length].ljust(length, b"\0"))


def is_good_descriptor(part: bytes, detector_id: int) -> bool:
    """The contract once more, written from the layout and not from the parser."""
    magic, version, kind, detector, _ring, _sent, *numbers = struct.unpack("<4sHHQQQ8I", part)
    _slot, _generation, *sides, stride, reserved = numbers
    return (
        (magic, version, kind, detector, reserved) == (b"FHOP", 2, peers.FRAMES, detector_id, 0)
        and all(1 <= side <= 65_535 for side in sides)
        and 3 * sides[2] <= stride <= 2**18
    )


def good_descriptors(message: bytes, detector_id: int) -> int:
    """Return how many requests `message` is: all of its descriptors or none."""
    if not message or len(message) % 64:
        return 0
    parts = [message[i : i + 64] for i in range(0, len(message), 64)]
    return len(parts) if all(is_good_descriptor(part, detector_id) for part in parts) else 0


class Stranger:
    """Sends anything to a real server, and can tell when the server has seen all of it."""

    def __init__(self, server: HopServer, socket: zmq.Socket[bytes]) -> None:
        self.server = server
        self._socket = socket
        self._marks = count(1)

    def send(self, messages: list[bytes]) -> list[FrameRequest]:
        path = f"/end-of-example/{next(self._marks)}"
        for message in [*messages, peers.hello(1, path.encode())]:
            self._socket.send(message)
        taken: list[FrameRequest] = []

        def seen() -> bool:
            requests, greetings, _ = self.server.poll(0.1)
            taken.extend(requests)
            return (1, path) in [(each.ring_id, each.ring_path) for each in greetings]

        until(seen, what="the server lost the hello behind the garbage")
        self._answer(taken)
        return taken

    def _answer(self, taken: list[FrameRequest]) -> None:
        """Answer, as who has more without an answer than it has credit for is disconnected."""
        for request in taken:
            self.server.reply(request, status="stale")
        while self._socket.poll(0):
            self._socket.recv_multipart()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    at = address(tmp_path_factory.mktemp("hop"))
    with HopServer(at, credits=64) as server, raw_socket(zmq.DEALER, at) as socket:
        yield Stranger(server, socket)


@EXAMPLES
@given(messages=st.lists(st.binary(max_size=200), max_size=5))
def test_the_server_survives_any_bytes(stranger: Stranger, messages: list[bytes]) -> None:
    before = stranger.server.malformed
    assert stranger.send(messages) == []
    assert stranger.server.malformed == before + len(messages)


@EXAMPLES
@given(hits=DAMAGE, length=LENGTH)
def test_the_server_takes_exactly_the_good_descriptors(
    stranger: Stranger, hits: list[tuple[int, int]], length: int | None
) -> None:
    own_id = stranger.server.detector_id
    message = damaged(peers.descriptor(own_id, 1) + peers.descriptor(own_id, 2), hits, length)
    before = stranger.server.malformed
    requests = stranger.send([message])
    assert len(requests) == good_descriptors(message, own_id)
    assert stranger.server.malformed == before + (not requests)


class Impostor:
    """A detector that answers a real client with anything."""

    def __init__(self, directory: Path, socket: zmq.Socket[bytes]) -> None:
        self.client = HopClient(address(directory), ring_path="/ring", ring_id=7)
        self._socket = socket
        self._slots = count(1, 2)
        self._worker, _ = socket.recv_multipart()
        socket.send_multipart([self._worker, peers.welcome(9, 2)])
        until(lambda: self.client.poll(0.1) and self.client.credits, what="no welcome")

    def ask(self) -> tuple[int, int]:
        """Have the client ask for two pictures, and return their slots."""
        victim = next(self._slots)
        assert self.client.send(refs(victim, victim + 1), sizes(2))
        self._socket.recv_multipart()
        return victim, victim + 1

    def answer(self, messages: list[bytes], until_slot: int) -> list[HopReply]:
        taken: list[HopReply] = []
        for message in [*messages, peers.reply(until_slot)]:
            self._socket.send_multipart([self._worker, message])

        def seen() -> bool:
            taken.extend(self.client.poll(0.1)[0])
            return any(reply.slot == until_slot for reply in taken)

        until(seen, what="the client lost the answer behind the garbage")
        return taken


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Impostor]:
    directory = tmp_path_factory.mktemp("hop")
    with raw_socket(zmq.ROUTER, address(directory), bind=True) as socket:
        impostor = Impostor(directory, socket)
        with impostor.client:
            yield impostor


def check_sound(reply: HopReply) -> None:
    assert len(reply.boxes) == len(reply.scores) == len(reply.label_ids)
    assert all(math.isfinite(value) for box in reply.boxes for value in box)
    assert all(0 <= score <= 1 for score in reply.scores)
    assert reply.status == "ok" or len(reply.scores) == 0


@EXAMPLES
@given(messages=st.lists(st.binary(max_size=200), max_size=3), hits=DAMAGE, length=LENGTH)
def test_the_client_gives_out_sound_answers_to_its_own_questions_only(
    impostor: Impostor, messages: list[bytes], hits: list[tuple[int, int]], length: int | None
) -> None:
    victim, last = impostor.ask()
    before = impostor.client.malformed
    replies = impostor.answer([*messages, damaged(peers.reply(victim, boxes=2), hits, length)], last)
    for reply in replies:
        check_sound(reply)
    assert [reply.slot for reply in replies] in ([victim, last], [last])
    assert impostor.client.malformed == before + len(messages) + 2 - len(replies)
    if len(replies) == 1:
        impostor.answer([], victim)
    assert impostor.client.unanswered == 0
