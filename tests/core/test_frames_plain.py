"""The receiver of frames without the core: what a header may say, and what a hostile sender may not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from framehop.errors import BadMessageError
from framehop.hop import messages
from framehop.hop.plain import PlainReceiver
from tests.waiting import until


def test_the_plain_receiver_needs_no_core() -> None:
    program = "import sys, framehop.hop.plain, framehop.hop.keys; print('framehop._core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


HEADER = messages.Header(
    session=4, number=0, skipped=0, stream="g", epoch=1, seq=2, sent_us=3, width=2, height=1, stride=6, encoding="rgb8"
)


FIELDS = {
    "magic": messages.MAGIC,
    "version": 1,
    "kind": 3,
    "session": 4,
    "number": 0,
    "skipped": 0,
    "epoch": 1,
    "seq": 2,
    "sent_us": 3,
    "payload": 6,
    "width": 2,
    "height": 1,
    "stride": 6,
    "encoding": 1,
    "name": 1,
    "note": 0,
}


def header_bytes(**changes: int) -> bytes:
    return messages._HEADER.pack(*(FIELDS | changes).values()) + b"g"


def test_a_header_is_parsed() -> None:
    assert messages.parse_header(header_bytes(), 6, 0) == HEADER


@pytest.mark.parametrize(
    "changes",
    [
        {"magic": 1},
        {"version": 2},
        {"kind": 2},
        {"session": 0},
        {"payload": 7},
        {"width": 0},
        {"width": 3},
        {"height": 2},
        {"stride": 5},
        {"encoding": 0},
        {"encoding": 2},
        {"encoding": 4, "width": 7},
        {"encoding": 5},
        {"encoding": 6},
        {"encoding": 7},
        {"encoding": 8},
        {"encoding": 0x10001},
        {"name": 0},
        {"name": 2},
        {"note": 1},
        {"epoch": -1},
        {"seq": -1},
    ],
    ids=str,
)
def test_a_header_with_a_senseless_field_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(BadMessageError):
        messages.parse_header(header_bytes(**changes), 6, 0)


@pytest.mark.parametrize(
    ("encoding", "width", "height", "stride", "payload", "passes"),
    [
        (3, 4, 2, 16, 32, True),
        (3, 4, 2, 11, 22, False),
        (4, 4, 2, 4, 8, True),
        (4, 4, 2, 4, 12, False),
        (5, 5, 3, 6, 30, True),
        (5, 5, 3, 6, 27, False),
        (5, 5, 3, 8, 40, False),
        (6, 5, 3, 5, 25, False),
        (6, 5, 3, 6, 30, True),
        (6, 70_000, 2, 70_000, 210_000, False),
        (7, 300_000, 1, 300_000, 300_000, True),
        (7, 30, 1, 31, 31, False),
        (7, 15, 2, 15, 30, False),
    ],
)
def test_a_picture_has_the_bytes_of_its_format(
    encoding: int, width: int, height: int, stride: int, payload: int, passes: bool
) -> None:
    header = header_bytes(encoding=encoding, width=width, height=height, stride=stride, payload=payload)
    if passes:
        assert messages.parse_header(header, payload, 0).width == width
    else:
        with pytest.raises(BadMessageError, match="another size"):
            messages.parse_header(header, payload, 0)


def test_every_cut_of_a_header_is_refused() -> None:
    whole = header_bytes()
    for size in range(len(whole)):
        with pytest.raises(BadMessageError):
            messages.parse_header(whole[:size], 6, 0)


def test_a_hostile_sender_does_not_keep_a_plain_receiver_busy(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/hostile"
    with zmq.Context() as context, context.socket(zmq.ROUTER) as hostile:
        hostile.set(zmq.LINGER, 0)
        hostile.bind(address)
        with PlainReceiver(address) as receiver:
            until(lambda: receiver.receive(0.01) is None and hostile.poll(0), "a first word")
            peer, _ = hostile.recv_multipart()
            for _ in range(100):
                hostile.send_multipart([peer, b"x", b"y", b"z"])
                hostile.send_multipart([peer, b""])
            until(lambda: receiver.receive(0.0) is None and receiver.malformed > 0, "garbage")
            assert receiver.session == 0
