"""Garbage on the hop: counted, dropped, and nobody else is hurt (faults 16 and 17)."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from framehop._core import HopClient, HopServer
from tests.core import hop_peers as peers
from tests.core.hop_peers import address, greet, raw_socket, refs, sizes, take_replies, take_requests
from tests.waiting import until


class Bomb:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopServer]:
    with HopServer(address(tmp_path), credits=4) as server:
        yield server


def test_the_server_counts_and_drops_what_it_cannot_read(tmp_path: Path, server: HopServer) -> None:
    good = peers.descriptor(server.detector_id)
    hostile = [
        b"",
        b"garbage",
        pickle.dumps(Bomb(tmp_path / "mark")),
        good[:-1],
        good + b"\0",
        good + peers.descriptor(server.detector_id + 1),
        peers.hello()[:-1],
        peers.welcome(),
        peers.reply(3),
        b"\xff" * 64,
    ]
    with raw_socket(zmq.DEALER, address(tmp_path)) as stranger:
        for message in hostile:
            stranger.send(message)
        stranger.send_multipart([good, good])
        stranger.send(good)
        requests = take_requests(server, 1)
    assert [(request.slot, request.generation) for request in requests] == [(3, 1)]
    assert server.malformed == len(hostile) + 1
    assert not (tmp_path / "mark").exists()


def test_who_ignores_its_credits_fills_nothing_and_is_disconnected(tmp_path: Path, server: HopServer) -> None:
    with (
        raw_socket(zmq.DEALER, address(tmp_path)) as greedy,
        greedy.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor,
        HopClient(address(tmp_path), ring_path="/r", ring_id=1) as client,
    ):
        greet(server, client)
        for _ in range(1000):
            greedy.send(peers.descriptor(server.detector_id))
        taken = take_requests(server, 4)

        def refused() -> bool:
            taken.extend(server.poll(0.1)[0])
            return server.malformed > 0

        until(refused, what="the fifth was not refused")
        assert monitor.poll(int(peers.PATIENCE_S * 1000)), "the server kept the connection"
        greedy.disable_monitor()
        assert client.send(refs(1), sizes(1))
        taken += take_requests(server, 1)
        assert [request.slot for request in taken] == [3, 3, 3, 3, 1]


def test_a_message_with_more_than_the_credits_counts_as_ignoring_them(tmp_path: Path, server: HopServer) -> None:
    with (
        raw_socket(zmq.DEALER, address(tmp_path)) as greedy,
        greedy.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor,
    ):
        greedy.send(peers.descriptor(server.detector_id) * 5)
        until(lambda: server.poll(0.1) == ([], [], []) and server.malformed, what="it was not counted")
        assert monitor.poll(int(peers.PATIENCE_S * 1000)), "the server kept the connection"
        greedy.disable_monitor()


def test_descriptors_doubled_and_reordered_are_only_claims(tmp_path: Path, server: HopServer) -> None:
    with raw_socket(zmq.DEALER, address(tmp_path)) as stranger:
        for slot in (2, 1, 1):
            stranger.send(peers.descriptor(server.detector_id, slot))
        assert [request.slot for request in take_requests(server, 3)] == [2, 1, 1]
    assert server.malformed == 0


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[zmq.Socket[bytes]]:
    with raw_socket(zmq.ROUTER, address(tmp_path), bind=True) as detector:
        yield detector


def test_the_client_counts_and_drops_what_it_cannot_read(tmp_path: Path, detector: zmq.Socket[bytes]) -> None:
    with HopClient(address(tmp_path), ring_path=peers.RING_PATH, ring_id=7) as client:
        worker, greeting = detector.recv_multipart()
        assert greeting == peers.hello()
        detector.send_multipart([worker, peers.welcome(9, 2)])
        client.poll(30)
        assert client.send(refs(3), sizes(1))
        assert len(detector.recv_multipart()[1]) == 64
        good = peers.reply(3)
        hostile = [
            b"",
            pickle.dumps(Bomb(tmp_path / "mark")),
            good[:-1],
            good + b"\0",
            good[:64],
            peers.welcome(10, 4096),
            peers.descriptor(9),
            peers.hello(),
            peers.reply(4),
            peers.reply(3, generation=2),
            peers.reply(3, ring_id=8),
        ]
        for message in hostile:
            detector.send_multipart([worker, message])
        detector.send_multipart([worker, good, good])
        detector.send_multipart([worker, good])
        assert len(take_replies(client, 1)) == 1
        detector.send_multipart([worker, good])  # doubled: there is nothing left to answer

        def counted() -> bool:
            assert client.poll(0.01) == ([], [])
            return client.malformed == len(hostile) + 2

        until(counted, what="the doubled answer was not counted")
        assert (client.detector_id, client.credits, client.unanswered) == (9, 2, 0)
        assert not (tmp_path / "mark").exists()


def test_no_other_peer_suffers_from_one_that_is_no_zeromq_at_all(tmp_path: Path, server: HopServer) -> None:
    with socket.socket(socket.AF_UNIX) as noise:
        noise.connect(str(tmp_path / "hop"))
        noise.sendall(bytes(range(256)) * 64)
        with HopClient(address(tmp_path), ring_path="/r", ring_id=1) as client:
            greet(server, client)
            assert client.send(refs(1), sizes(1))
            assert server.reply(take_requests(server, 1)[0])
            assert len(take_replies(client, 1)) == 1


def test_a_message_beyond_every_bound_costs_its_sender_the_connection(tmp_path: Path, server: HopServer) -> None:
    with (
        raw_socket(zmq.DEALER, address(tmp_path)) as stranger,
        stranger.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor,
    ):
        stranger.send(b"x" * (64 * 4096 + 1))
        assert monitor.poll(int(peers.PATIENCE_S * 1000)), "the server kept the connection"
        stranger.disable_monitor()
    assert server.poll(0) == ([], [], [])
