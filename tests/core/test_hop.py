"""The hop between a real HopClient and a real HopServer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from numpy.typing import NDArray

from framehop._core import FrameTag, HopClient, HopServer, Ring, RingReader
from framehop.errors import ClosedError, InvalidArgumentError, SystemCallError
from tests.core.hop_peers import (
    RING_PATH,
    address,
    descriptor,
    greet,
    raw_socket,
    refs,
    sizes,
    take_replies,
    take_requests,
)
from tests.waiting import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HopServer]:
    with HopServer(address(tmp_path), credits=4) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path) -> Iterator[HopClient]:
    with HopClient(address(tmp_path), ring_path=RING_PATH, ring_id=7) as client:
        yield client


def rows(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    return np.ones((count, 4), np.float32), np.full(count, 0.5, np.float32), np.arange(count, dtype=np.int32)


def test_hello_tells_the_ring_and_welcome_the_detector(server: HopServer, client: HopClient) -> None:
    assert (client.credits, client.detector_id) == (0, 0)
    _, [greeting], _ = server.poll(30)
    assert (greeting.ring_id, greeting.ring_path) == (7, RING_PATH)
    client.poll(30)
    assert (client.credits, client.detector_id) == (4, server.detector_id)
    assert not client.lost


def test_a_descriptor_goes_out_and_its_boxes_come_back(server: HopServer, client: HopClient) -> None:
    greet(server, client)
    assert client.send(refs(3), [(1920, 1080)])
    (request,) = take_requests(server, 1)
    assert (request.ring_id, request.slot, request.generation) == (7, 3, 1)
    assert (request.source_width, request.source_height) == (1920, 1080)
    assert 0 < request.sent_ns <= request.received_ns

    boxes = np.array([[1.5, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    scores, labels = np.array([0.25, 1], np.float32), np.array([0, 90], np.int32)
    assert server.reply(
        request,
        boxes=boxes,
        scores=scores,
        label_ids=labels,
        batch_size=5,
        model=3,
        wait_us=1,
        preprocess_us=2,
        infer_us=3,
        postprocess_us=2**40,
    )
    (reply,) = take_replies(client, 1)
    assert (reply.slot, reply.generation, reply.status, reply.message) == (3, 1, "ok", "")
    assert reply.boxes == [(1.5, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0)]
    assert (reply.scores, reply.label_ids) == ([0.25, 1.0], [0, 90])
    assert (reply.batch_size, reply.model, reply.wait_us, reply.preprocess_us, reply.infer_us) == (5, 3, 1, 2, 3)
    assert reply.postprocess_us == 2**32 - 1, "a time too long for its field saturates"


@pytest.mark.parametrize("status", ["stale", "failed"])
def test_a_failure_carries_its_reason(server: HopServer, client: HopClient, status: str) -> None:
    greet(server, client)
    client.send(refs(1), sizes(1))
    (request,) = take_requests(server, 1)
    assert server.reply(request, status=status, message="why é")  # type: ignore[arg-type]
    (reply,) = take_replies(client, 1)
    assert (reply.status, reply.message) == (status, "why é")
    assert (reply.boxes, reply.scores, reply.label_ids) == ([], [], [])


def test_what_a_reply_gives_outlives_it(server: HopServer, client: HopClient) -> None:
    greet(server, client)
    client.send(refs(1), sizes(1))
    boxes, scores, labels = rows(4096)
    server.reply(take_requests(server, 1)[0], boxes=boxes[::-1], scores=scores, label_ids=labels)
    (reply,) = take_replies(client, 1)
    kept = reply.boxes
    del reply
    client.close()
    np.testing.assert_array_equal(np.array(kept, np.float32), boxes)


def test_credits_bound_what_is_unanswered(server: HopServer, client: HopClient) -> None:
    assert not client.send(refs(1), sizes(1)), "no welcome yet"
    greet(server, client)
    assert client.send(refs(1, 2, 3), sizes(3))
    assert not client.send(refs(4, 5), sizes(2))
    assert client.unanswered == 3
    requests = take_requests(server, 3)
    assert server.reply(requests[2])
    assert take_replies(client, 1)[0].slot == 3
    assert client.send(refs(4, 5), sizes(2))
    assert client.send([], [])
    with pytest.raises(InvalidArgumentError, match="grants 4"):
        client.send(refs(1, 2, 3, 4, 5), sizes(5))


def test_two_workers_get_each_their_own_answers(tmp_path: Path, server: HopServer, client: HopClient) -> None:
    with HopClient(address(tmp_path), ring_path="/other", ring_id=8) as other:
        greet(server, client, other)
        client.send(refs(1), sizes(1))
        other.send(refs(2), sizes(1))
        requests = take_requests(server, 2)
        assert len({request.peer for request in requests}) == 2
        for request in requests:
            assert server.reply(request, status="failed", message=str(request.ring_id))
        assert [(reply.slot, reply.message) for reply in take_replies(client, 1)] == [(1, "7")]
        assert [(reply.slot, reply.message) for reply in take_replies(other, 1)] == [(2, "8")]


BAD_ROWS = {
    "shape": {"boxes": np.ones((1, 5), np.float32)},
    "axes": {"scores": np.ones((1, 1), np.float32)},
    "dtype of boxes": {"boxes": np.ones((1, 4), np.float64)},
    "dtype of labels": {"label_ids": np.ones(1, np.int64)},
    "lengths": {"scores": np.full(2, 0.5, np.float32)},
    "missing": {"label_ids": None},
    "NaN": {"boxes": np.full((1, 4), np.nan, np.float32)},
    "infinity": {"boxes": np.full((1, 4), np.inf, np.float32)},
    "score": {"scores": np.full(1, 1.5, np.float32)},
    "label": {"label_ids": np.full(1, -1, np.int32)},
    "status": {"status": "maybe"},
    "boxes with a failure": {"status": "failed"},
    "too many": dict(zip(("boxes", "scores", "label_ids"), rows(4097), strict=True)),
}


@pytest.mark.parametrize("wrong", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_reply_out_of_shape_is_refused(server: HopServer, client: HopClient, wrong: dict[str, object]) -> None:
    greet(server, client)
    client.send(refs(1), sizes(1))
    (request,) = take_requests(server, 1)
    boxes, scores, labels = rows(1)
    good = {"boxes": boxes, "scores": scores, "label_ids": labels}
    with pytest.raises(InvalidArgumentError):
        server.reply(request, **{**good, **wrong})  # type: ignore[arg-type]
    assert server.reply(request), "nothing was sent before"


def test_sends_out_of_range_are_refused(server: HopServer, client: HopClient) -> None:
    greet(server, client)
    with pytest.raises(InvalidArgumentError, match="1 refs and 2 sizes"):
        client.send(refs(1), sizes(2))
    with pytest.raises(InvalidArgumentError, match="1 to 65535 pixels"):
        client.send(refs(1), [(0, 480)])
    assert client.unanswered == 0


def test_wake_fds_end_the_wait_and_are_named(server: HopServer, client: HopClient) -> None:
    greet(server, client)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert client.poll(0, [ours.fileno()]) == ([], [])
        theirs.send(b"x")
        assert client.poll(30, [ours.fileno()]) == ([], [ours.fileno()])
        assert client.poll(30, [ours.fileno()]) == ([], [ours.fileno()]), "level-triggered"
        assert server.poll(30, [theirs.fileno(), ours.fileno()]) == ([], [], [ours.fileno()])
    with pytest.raises(InvalidArgumentError, match="wake_fds"):
        server.poll(0, [-1])


def test_a_second_thread_is_refused_during_a_poll(server: HopServer) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        polling = threading.Thread(target=server.poll, args=(30, [ours.fileno()]))
        polling.start()

        def refused() -> bool:
            try:
                return server.malformed > 0
            except InvalidArgumentError:
                return True

        until(refused, what="the poll never began")
        with pytest.raises(InvalidArgumentError, match="one thread"):
            server.close()
        theirs.send(b"x")
        polling.join()
    assert server.malformed == 0


def test_use_after_close(server: HopServer, client: HopClient) -> None:
    greet(server, client)
    client.send(refs(1), sizes(1))
    (request,) = take_requests(server, 1)
    for end in (server, client):
        end.close()
        end.close()
    for use in (
        lambda: client.credits,
        lambda: client.send(refs(1), sizes(1)),
        lambda: client.poll(0),
        lambda: server.detector_id,
        lambda: server.poll(0),
        lambda: server.reply(request),
    ):
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_closing_leaves_no_file_thread_or_descriptor(tmp_path: Path) -> None:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    before = held()
    for _ in range(3):
        with HopServer(address(tmp_path)) as server, HopClient(address(tmp_path), ring_path="/r", ring_id=1) as client:
            greet(server, client)
            assert client.send(refs(1), sizes(1))
        unclosed = HopClient(address(tmp_path), ring_path="/r", ring_id=1)  # with its hello unsent: nobody is there
        del unclosed
    # Fewer, when threads of the test before were still ending at first.
    assert all(now <= then for now, then in zip(held(), before, strict=True)), (held(), before)
    assert list(tmp_path.iterdir()) == []


def test_addresses_that_cannot_be_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="ipc://"):
        HopServer("tcp://127.0.0.1:5555")
    with pytest.raises(SystemCallError, match="No such file"):
        HopServer(f"ipc://{tmp_path}/missing/hop")
    with pytest.raises(SystemCallError, match="too long"):
        HopServer(f"ipc://{tmp_path}/{'x' * 200}")
    with pytest.raises(InvalidArgumentError, match="credits"):
        HopServer(address(tmp_path), credits=0)
    with pytest.raises(InvalidArgumentError, match="ring_path"):
        HopClient(address(tmp_path), ring_path="x" * 108, ring_id=1)


def test_a_request_is_answered_where_it_came_in(tmp_path: Path, server: HopServer, client: HopClient) -> None:
    greet(server, client)
    client.send(refs(1), sizes(1))
    (request,) = take_requests(server, 1)
    with (
        HopServer(f"ipc://{tmp_path}/second") as second,
        pytest.raises(InvalidArgumentError, match="another HopServer"),
    ):
        second.reply(request)


def test_a_descriptor_leads_to_the_picture_in_the_ring(tmp_path: Path, server: HopServer) -> None:
    tmp_path.chmod(0o700)
    with (
        Ring.create(str(tmp_path / "ring"), slots=2, slot_bytes=1 << 16) as ring,
        HopClient(address(tmp_path), ring_path=ring.path, ring_id=ring.ring_id) as client,
    ):
        _, [greeting], _ = server.poll(30)
        until(lambda: client.poll(0.1) and client.credits, what="no welcome came")
        slot = ring.try_acquire(FrameTag("gate-1", epoch=1, seq=0))
        assert slot is not None
        slot.array(48, 64)[:] = 77
        assert client.send([slot.publish()], [(640, 480)])
        (request,) = take_requests(server, 1)
        with RingReader.attach(greeting.ring_path, role="detector") as reader:
            assert request.ring_id == greeting.ring_id == reader.ring_id
            lease = reader.try_lease(request.slot, request.generation)
            assert lease is not None
            with lease:
                picture = lease.array()
                assert picture.shape == (48, 64, 3)
                assert (picture == 77).all()
                del picture


@pytest.mark.parametrize("link", ["ipc", "shm"])
def test_the_last_answers_of_a_server_that_closes_arrive(link: str, tmp_path: Path) -> None:
    place, most = f"{link}://{tmp_path}/hop", 8  # far more bytes than the kernel keeps
    boxes, scores, labels = rows(4096)
    with HopClient(place, ring_path=RING_PATH, ring_id=7) as client:
        with HopServer(place, credits=most) as server:
            greet(server, client)
            assert client.send(refs(*range(most)), sizes(most))
            for request in take_requests(server, most):
                assert server.reply(request, boxes=boxes, scores=scores, label_ids=labels)
        assert len(take_replies(client, most)) == most
        until(lambda: (client.poll(0.1), client.lost)[-1], "the loss")


def test_a_worker_that_does_not_read_holds_a_closing_server_up_for_a_moment_only(tmp_path: Path) -> None:
    """Its library reads no more than the one message that it may keep; the others wait at the server."""
    boxes, scores, labels = rows(4096)
    with (
        HopServer(address(tmp_path), credits=64) as server,
        raw_socket(zmq.DEALER, address(tmp_path), kept=1) as worker,
    ):
        worker.send(b"".join(descriptor(server.detector_id, slot) for slot in range(64)))
        for request in take_requests(server, 64):
            assert server.reply(request, boxes=boxes, scores=scores, label_ids=labels)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 20
