"""Frames between hosts, in Python: the binding, the receiver on plain pyzmq, and that nobody copies, waits or leaks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import zmq

from framehop._core import (
    FrameReceiver,
    FrameSender,
    FrameTag,
    ReceivedFrame,
    decode_jpeg,
    encode_jpeg,
)
from framehop.cli.frames import _jpeg as as_jpeg
from framehop.errors import ClosedError, InvalidArgumentError, UnsupportedPictureError
from framehop.hop import messages
from framehop.hop.plain import PlainFrame, PlainReceiver
from tests.frame_senders import ANY_PORT, SIZE, House, meet, receive, take
from tests.waiting import until

if TYPE_CHECKING:
    from framehop._core import PixelFormat


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    tmp_path.chmod(0o700)
    house = House(tmp_path / "ring.sock")
    yield house
    house.close()


@pytest.fixture
def sender() -> Iterator[FrameSender]:
    with FrameSender(ANY_PORT, insecure=True) as sender:
        yield sender


@pytest.fixture(params=["core", "pyzmq"])
def receiver(request: pytest.FixtureRequest, sender: FrameSender) -> Iterator[FrameReceiver | PlainReceiver]:
    kind = FrameReceiver if request.param == "core" else PlainReceiver
    with kind(sender.address, insecure=True, delivery="lossless", credits=3) as receiver:
        meet(sender, receiver)
        yield receiver


# ---------------------------------------------------------------- both receivers


def test_pixels_and_note_arrive_and_the_slot_comes_back(
    house: House, sender: FrameSender, receiver: FrameReceiver | PlainReceiver
) -> None:
    assert house.send(sender, 7, note=b"seven")
    frame = take(sender, receiver)
    pixels = frame.array()
    assert pixels.shape == (*SIZE, 3)
    assert (pixels == 7).all()
    assert frame.note == b"seven"
    until(lambda: house.is_free, "the slot")


def test_arrays_lie_in_the_message_and_outlive_everything(
    house: House, sender: FrameSender, receiver: FrameReceiver | PlainReceiver
) -> None:
    house.send(sender, 1)
    frame = take(sender, receiver)
    first, again = frame.array(), frame.array()
    assert np.shares_memory(first, again), "made by a copy"
    assert np.shares_memory(first, np.frombuffer(frame.payload, np.uint8)), "made by a copy"
    assert not first.flags.writeable
    assert not first.flags.owndata
    receiver.close()
    del frame, again
    gc.collect()
    assert (first == 1).all()


def test_nothing_is_missing_when_lossless(
    house: House, sender: FrameSender, receiver: FrameReceiver | PlainReceiver
) -> None:
    seqs = []
    for seq in range(20):
        while not sender.has_room("gate"):
            sender.poll(0.002)
            seqs += [number_of(frame) for frame in receive(receiver)]
        assert house.send(sender, seq)
    while len(seqs) < 20:
        seqs.append(number_of(take(sender, receiver)))
    assert seqs == list(range(20))


@pytest.mark.parametrize("delivery", ["lossless", "latest"])
def test_the_last_frames_of_a_sender_that_drains_arrive(
    house: House, sender: FrameSender, delivery: Literal["lossless", "latest"]
) -> None:
    """A receiver that takes the newest has credit for one, and the other waits for it at the sender."""
    with FrameReceiver(sender.address, insecure=True, delivery=delivery, credits=3) as receiver:
        meet(sender, receiver)
        for seq in range(2):
            assert house.send(sender, seq)
        seqs: list[int] = []
        drained = Event()

        def take_them() -> None:  # being asked for more says that a frame is done with
            while not drained.is_set():
                seqs.extend(number_of(frame) for frame in receive(receiver, 0.05))

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(take_them)
            try:
                assert sender.drain(60)
            finally:  # or the pool would wait for it without end
                drained.set()
            running.result()
        assert seqs == [0, 1]
        assert house.send(sender, 2)
        assert not sender.drain(0.0), "nobody takes the third"
    assert sender.drain(60), "and who has gone needs none"


def number_of(frame: ReceivedFrame | PlainFrame) -> int:
    return frame.header.seq if isinstance(frame, PlainFrame) else frame.seq


def test_a_jpeg_arrives_as_it_is(sender: FrameSender, receiver: FrameReceiver | PlainReceiver) -> None:
    jpeg = encode_jpeg(np.full((*SIZE, 3), 90, np.uint8))
    assert sender.send_jpeg(jpeg, tag=FrameTag("gate", 1, 0), width=SIZE[1], height=SIZE[0])
    frame = take(sender, receiver)
    assert bytes(frame.payload) == jpeg
    assert decode_jpeg(bytes(frame.payload)).shape == (*SIZE, 3)
    with pytest.raises(InvalidArgumentError, match="JPEG"):
        frame.array()


@pytest.mark.parametrize(
    ("pixel_format", "sides", "planes"),
    [
        ("bgr8", (3, 5), [(3, 5, 3)]),
        ("gray8", (3, 5), [(3, 5)]),
        ("i420", (4, 6), [(4, 6), (2, 3), (2, 3)]),
        ("i420", (3, 5), [(3, 5), (2, 3), (2, 3)]),
        ("nv12", (3, 5), [(3, 5), (2, 3, 2)]),
        ("bytes", (1, 70_000), [(70_000,)]),
    ],
)
def test_every_format_arrives_as_it_is(
    house: House,
    sender: FrameSender,
    receiver: FrameReceiver | PlainReceiver,
    pixel_format: PixelFormat,
    sides: tuple[int, int],
    planes: list[tuple[int, ...]],
) -> None:
    slot = house.ring.wait_acquire(FrameTag("gate", 1, 0), 30)
    assert slot is not None
    for value, plane in enumerate(slot.planes(*sides, pixel_format), 1):
        plane[:] = value
    ref = slot.publish()
    with house.reader.try_lease(ref.slot, ref.generation) as lease:  # type: ignore[union-attr]
        assert sender.send(lease)
    frame = take(sender, receiver)
    seen = frame.planes()
    assert [plane.shape for plane in seen] == planes
    assert all((plane == value).all() for value, plane in enumerate(seen, 1))
    assert all(np.shares_memory(plane, np.frombuffer(frame.payload, np.uint8)) for plane in seen), "made by a copy"
    assert not any(plane.flags.writeable for plane in seen)
    assert (frame.header if isinstance(frame, PlainFrame) else frame).encoding == pixel_format
    check_whole(frame, pixel_format, sides)


def check_whole(frame: ReceivedFrame | PlainFrame, pixel_format: str, sides: tuple[int, int]) -> None:
    """One array over all planes is there for even sides only."""
    if len(frame.planes()) > 1 and sides[1] % 2:
        with pytest.raises(InvalidArgumentError, match=r"5 x 3 in .* use planes\(\)"):
            frame.array()
    else:
        assert frame.array().tobytes() == bytes(frame.payload)
    if isinstance(frame, ReceivedFrame):
        with pytest.raises(UnsupportedPictureError, match=f"frames come as {pixel_format}"):
            as_jpeg(frame)


@pytest.mark.parametrize("kind", [FrameReceiver, PlainReceiver])
def test_a_frame_of_an_encoding_to_come_gives_its_credit_back(
    tmp_path: Path, kind: type[FrameReceiver] | type[PlainReceiver]
) -> None:
    unknown = (messages.MAGIC, messages.VERSION, 3, 4, 0, 0, 1, 0, 0, 6, 2, 1, 6, 99, 1, 0)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as newer:
        newer.set(zmq.LINGER, 0)
        newer.bind(f"ipc://{tmp_path}/newer")
        with kind(f"ipc://{tmp_path}/newer") as receiver:
            until(lambda: receive(receiver) == [] and newer.poll(0), "a want")
            peer, _ = newer.recv_multipart()
            newer.send_multipart([peer, messages._WELCOME.pack(messages.MAGIC, messages.VERSION, 2, 4)])
            newer.send_multipart([peer, messages._HEADER.pack(*unknown) + b"g", b"pixels", b""])
            done: set[tuple[int, int]] = set()

            def is_done() -> bool:
                assert receive(receiver) == []
                while newer.poll(0):
                    session, received = messages._WANT.unpack_from(newer.recv_multipart()[1])[3:5]
                    done.add((session, received))
                return (4, 1) in done

            until(is_done, "the want of the next frame")
            assert receiver.malformed == 1


# ---------------------------------------------------------------- the sender


def test_a_jpeg_is_not_copied_and_let_go_of_in_the_end(sender: FrameSender) -> None:
    with FrameReceiver(sender.address, insecure=True) as receiver:
        meet(sender, receiver)
        jpeg = bytearray(encode_jpeg(np.zeros((*SIZE, 3), np.uint8)))
        sender.send_jpeg(jpeg, tag=FrameTag("gate", 1, 0), width=SIZE[1], height=SIZE[0])
        sender.send_jpeg(jpeg, tag=FrameTag("gate", 1, 1), width=SIZE[1], height=SIZE[0])
        with pytest.raises(BufferError):
            jpeg.append(0)  # the sender reads it where it is
        take(sender, receiver)
        take(sender, receiver)
    until(lambda: sender.poll(0.01) and can_grow(jpeg), "the end of the loan")


def can_grow(jpeg: bytearray) -> bool:
    try:
        jpeg.append(0)
    except BufferError:
        return False
    return True


def test_closing_ends_every_loan_and_lease(house: House, sender: FrameSender) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as stopped:
        ask_and_stop(stopped, sender)
        jpeg = bytearray(encode_jpeg(np.zeros((*SIZE, 3), np.uint8)))
        while house.send(sender, 1) and sender.send_jpeg(jpeg, tag=FrameTag("gate", 1, 1), width=640, height=480):
            pass
        began = time.monotonic()
        sender.close()
        assert 0.9 < time.monotonic() - began < 20, "it gives the frames a second to arrive, and no more"
        sender.close()
    assert house.is_free
    assert can_grow(jpeg)
    with pytest.raises(ClosedError):
        house.send(sender, 1)


def ask_and_stop(socket: zmq.Socket[bytes], sender: FrameSender) -> None:
    """Ask for frames as a receiver does that will never take one."""
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RCVHWM, 1)
    socket.set(zmq.RCVBUF, 4096)
    socket.connect(sender.address)
    socket.send(messages.want(session=0, received=0, credits=64, delivery="lossless", stream=""))
    until(lambda: sender.poll(0.01) and sender.receivers, "the receiver")


STOPPED = """
import sys, time
from framehop.hop.plain import PlainReceiver
with PlainReceiver(sys.argv[1], insecure=True, delivery="lossless", credits=8) as receiver:
    while not receiver.session:
        receiver.receive(0.05)
    print("here", flush=True)
    while True:
        receiver.receive(1)
"""


def test_a_receiver_stopped_by_a_signal_is_cut_off_and_comes_back(house: House) -> None:
    with FrameSender(ANY_PORT, insecure=True, silence_s=1.0, credits=4) as sender:
        command = [sys.executable, "-c", STOPPED, sender.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as stopped:
            try:
                until(lambda: sender.poll(0.05) and sender.receivers, "the receiver")
                os.kill(stopped.pid, signal.SIGSTOP)
                sent = sum(house.send(sender, seq) for seq in range(8))
                assert sent == 4, "a stopped receiver gets its credits and no more"
                notes: list[str] = []
                until(lambda: noted(notes, sender) and not sender.receivers, "the end")
                assert "nothing was heard of it" in notes[-1]
                until(lambda: house.is_free, "the slots")
                os.kill(stopped.pid, signal.SIGCONT)
                until(lambda: sender.poll(0.05) and sender.receivers, "the receiver again")
            finally:
                stopped.kill()


def test_a_receiver_that_leaves_is_not_said_to_be_cut_off(house: House) -> None:
    with FrameSender(ANY_PORT, insecure=True, silence_s=0.5, credits=4) as sender:
        with FrameReceiver(sender.address, insecure=True) as receiver:
            meet(sender, receiver)
            assert house.send(sender, 1)
        notes: list[str] = []
        until(lambda: noted(notes, sender) and not sender.receivers, "the end")
        assert not notes


def noted(notes: list[str], sender: FrameSender) -> bool:
    notes += sender.poll(0.05)[1]
    return True


def test_with_skip_nobody_waits_for_a_lossless_receiver(house: House, sender: FrameSender) -> None:
    with FrameReceiver(sender.address, insecure=True, delivery="lossless", credits=1) as receiver:
        meet(sender, receiver)
        for seq in range(3):
            with house.lease(seq) as lease:
                assert sender.send(lease, skip=True)
        (info,) = sender.receivers
        assert (info.sent, info.skipped, info.delivery) == (1, 2, "lossless")


def test_a_picture_goes_as_a_jpeg_and_its_slot_is_free_at_once(house: House, sender: FrameSender) -> None:
    with FrameReceiver(sender.address, insecure=True) as receiver:
        meet(sender, receiver)
        for seq in (10, 20, 30):
            with house.lease(seq) as lease:
                sender.send_as_jpeg(lease, quality=90, note=b"ten")
        assert house.is_free
        first, last = take(sender, receiver), take(sender, receiver)
        assert isinstance(last, ReceivedFrame)
        assert [frame.note for frame in (first, last)] == [b"ten"] * 2
        assert [round(decode_jpeg(bytes(frame.payload)).mean()) for frame in (first, last)] == [10, 30]
        assert (last.encoding, last.seq, last.skipped) == ("jpeg", 30, 1)
    with house.lease(1) as lease, pytest.raises(InvalidArgumentError, match="quality"):
        sender.send_as_jpeg(lease, quality=0)


def test_what_cannot_be_sent_is_refused(house: House, sender: FrameSender) -> None:
    with pytest.raises(InvalidArgumentError):
        sender.send_jpeg(b"", tag=FrameTag("gate", 1, 0), width=1, height=1)
    with pytest.raises(InvalidArgumentError):
        sender.send_jpeg(b"x", tag=FrameTag("gate", 1, 0), width=0, height=1)
    with house.lease(1) as lease, pytest.raises(InvalidArgumentError, match="note"):
        sender.send(lease, note=bytes(messages.MAX_NOTE + 1))
    lease = house.lease(1)
    lease.release()
    with pytest.raises(ClosedError):
        sender.send(lease)


def test_a_forked_child_leaves_the_parents_sender_alone(house: House, sender: FrameSender) -> None:
    child = os.fork()
    if child == 0:
        try:
            sender.poll(0)
        except ClosedError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    with FrameReceiver(sender.address, insecure=True) as receiver:
        meet(sender, receiver)


def test_ctrl_c_ends_a_wait(sender: FrameSender) -> None:
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sender.poll(60)
    assert time.monotonic() - began < 30
