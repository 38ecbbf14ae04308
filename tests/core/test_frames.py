"""Frames between hosts, in Python: the binding, the receiver on plain pyzmq, and that nobody copies, waits or leaks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zmq

from framehop._core import (
    FrameReceiver,
    FrameSender,
    FrameTag,
    Lease,
    ReceivedFrame,
    Ring,
    RingReader,
    decode_jpeg,
    encode_jpeg,
)
from framehop.cli.frames import _jpeg as as_jpeg
from framehop.errors import (
    BadMessageError,
    ClosedError,
    ConfigError,
    InvalidArgumentError,
    RefusedError,
    UnsupportedPictureError,
)
from framehop.hop import messages, plain
from framehop.hop.keys import KeyFiles, ReceiverKeys, create_keys, load_receiver_keys, load_sender_keys
from framehop.hop.plain import PlainFrame, PlainReceiver
from tests.waiting import until

if TYPE_CHECKING:
    from framehop._core import PixelFormat

ANY_PORT = "tcp://127.0.0.1:0"
SIZE = (480, 640)


class House:
    """A ring with a writer and a reader, and what is leased there."""

    def __init__(self, path: Path) -> None:
        self.ring = Ring.create(str(path), slots=12, slot_bytes=3 * SIZE[0] * SIZE[1])
        self.reader = RingReader.attach(str(path), role="detector")

    def lease(self, seq: int, stream: str = "gate") -> Lease:
        slot = self.ring.wait_acquire(FrameTag(stream, 1, seq), 30)
        assert slot is not None
        slot.array(*SIZE)[:] = seq
        ref = slot.publish()
        lease = self.reader.try_lease(ref.slot, ref.generation)
        assert lease is not None
        self.ring.retire(ref)
        return lease

    def send(self, sender: FrameSender, seq: int, note: bytes = b"") -> bool:
        with self.lease(seq) as lease:
            return sender.send(lease, note=note)

    @property
    def is_free(self) -> bool:
        return self.ring.free_slots() == self.ring.slot_count

    def close(self) -> None:
        self.reader.close()
        self.ring.close()


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


def meet(sender: FrameSender, receiver: FrameReceiver | PlainReceiver) -> None:
    def met() -> bool:
        sender.poll(0.005)
        receive(receiver, 0.005)
        return receiver.session != 0

    until(met, "a welcome")


def receive(receiver: FrameReceiver | PlainReceiver, timeout_s: float = 0.01) -> list[ReceivedFrame | PlainFrame]:
    if isinstance(receiver, PlainReceiver):
        frame = receiver.receive(timeout_s)
        return [] if frame is None else [frame]
    return list(receiver.poll(timeout_s)[0])


def take(sender: FrameSender, receiver: FrameReceiver | PlainReceiver) -> ReceivedFrame | PlainFrame:
    """The next frame, with the sender served meanwhile."""
    came: list[ReceivedFrame | PlainFrame] = []

    def one() -> bool:
        sender.poll(0.002)
        came.extend(receive(receiver))
        return bool(came)

    until(one, "a frame")
    (frame,) = came
    return frame


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
        sender.close()
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


def test_the_network_needs_keys() -> None:
    with pytest.raises(RefusedError, match="framehop keys create"):
        FrameSender(ANY_PORT)
    with pytest.raises(RefusedError, match="framehop keys create"):
        FrameReceiver("tcp://127.0.0.1:9")
    with pytest.raises(RefusedError, match="keys"):
        PlainReceiver("tcp://127.0.0.1:9")
    with pytest.raises(InvalidArgumentError, match="tcp://HOST:PORT"):
        PlainReceiver("tipc://{5570,0,1}")


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


# ---------------------------------------------------------------- keys


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return create_keys(tmp_path / "keys")


def secured(files: KeyFiles, address: str = ANY_PORT) -> FrameSender:
    keys = load_sender_keys(files.sender)
    return FrameSender(address, secret_key=keys.secret, receiver_keys=keys.receivers)


def with_keys(kind: str, address: str, keys: ReceiverKeys) -> FrameReceiver | PlainReceiver:
    if kind == "core":
        return FrameReceiver(address, secret_key=keys.secret, sender_key=keys.sender)
    return PlainReceiver(address, keys=keys)


@pytest.mark.parametrize("kind", ["core", "pyzmq"])
def test_the_files_that_are_made_fit_each_other(house: House, files: KeyFiles, kind: str) -> None:
    with secured(files) as sender, with_keys(kind, sender.address, load_receiver_keys(files.receiver)) as receiver:
        meet(sender, receiver)
        house.send(sender, 5)
        assert (take(sender, receiver).array() == 5).all()


@pytest.mark.parametrize("kind", ["core", "pyzmq"])
def test_whoever_was_refused_is_let_in_once_its_key_is_known(
    files: KeyFiles, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "CONNECT_ANEW_S", 0.5)
    ours = load_sender_keys(files.sender)
    with FrameSender(ANY_PORT, secret_key=ours.secret) as refusing:
        address = refusing.address
        receiver = with_keys(kind, address, load_receiver_keys(files.receiver))

        def refused() -> bool:
            refusing.poll(0.01)
            receive(receiver)
            return refusing.refused > 0

        until(refused, "a refusal")
    with receiver, secured(files, address) as sender:
        meet(sender, receiver)


def test_other_keys_get_nothing_and_both_ends_say_why(files: KeyFiles, tmp_path: Path) -> None:
    stranger = load_receiver_keys(create_keys(tmp_path / "others").receiver)
    ours = load_receiver_keys(files.receiver)
    with (
        secured(files) as sender,
        FrameReceiver(sender.address, secret_key=stranger.secret, sender_key=ours.sender) as refused,
    ):
        here: list[str] = []
        there: list[str] = []

        def told() -> bool:
            here.extend(sender.poll(0.01)[1])
            there.extend(refused.poll(0.01)[1])
            return bool(here and there)

        until(told, "a reason")
        assert "127.0.0.1 was refused" in here[0]
        assert "refused the key" in there[0]
        assert sender.receivers == []
        assert refused.session == 0


def test_key_files_are_private_and_never_overwritten(files: KeyFiles) -> None:
    assert [file.stat().st_mode & 0o777 for file in (files.sender, files.receiver)] == [0o600, 0o600]
    with pytest.raises(ConfigError, match="exists"):
        create_keys(files.sender.parent)
    files.sender.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_sender_keys(files.sender)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 9999, b'{"type": "framehop-sender", "secret": "x", "receivers": []}']
)
def test_what_is_no_key_file_is_refused_in_words(files: KeyFiles, content: bytes) -> None:
    files.sender.write_bytes(content)
    with pytest.raises(ConfigError, match=r"sender\.key"):
        load_sender_keys(files.sender)
    with pytest.raises(ConfigError, match=r"receiver\.key"):
        load_receiver_keys(files.sender)


def test_a_secret_is_not_shown(files: KeyFiles) -> None:
    keys = load_sender_keys(files.sender)
    assert keys.secret not in repr(keys)
    assert load_receiver_keys(files.receiver).secret not in repr(load_receiver_keys(files.receiver))


# ---------------------------------------------------------------- without the core


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
            receiver.receive(0.2)
            peer, _ = hostile.recv_multipart()
            for _ in range(100):
                hostile.send_multipart([peer, b"x", b"y", b"z"])
                hostile.send_multipart([peer, b""])
            until(lambda: receiver.receive(0.0) is None and receiver.malformed > 0, "garbage")
            assert receiver.session == 0
