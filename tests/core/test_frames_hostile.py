"""A sender of frames among strangers: they cost it a bounded number of connections and bytes, and its receivers nothing."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from framehop._core import FrameReceiver, FrameSender, FrameTag
from framehop.cli.live import FrameLine, show
from framehop.hop import messages, plain
from framehop.hop.plain import PlainReceiver
from framehop.types import DetectedObject
from tests import zmtp
from tests.waiting import until

ANY_PORT = "tcp://127.0.0.1:0"
WANT = messages.want(session=0, received=0, credits=1, delivery="latest", stream="")
CHUNK = zmtp.part(bytes(1000), more=True) * 64
PLENTY = 1 << 30  # bytes


@pytest.fixture
def sender() -> Iterator[FrameSender]:
    with FrameSender(ANY_PORT, insecure=True, max_receivers=3, silence_s=30) as sender:
        yield sender


class Noted:
    """The notes that a sender made while it was served."""

    def __init__(self, sender: FrameSender) -> None:
        self._sender = sender
        self.notes: list[str] = []

    def serve(self) -> Self:
        self.notes += self._sender.poll(0.01)[1]
        return self

    def has(self, words: str) -> bool:
        self.serve()
        return any(words in note for note in self.notes)


class Endless(threading.Thread):
    """Sends parts of one message until its connection ends."""

    def __init__(self, shake_hands: Callable[[], socket.socket], *, first: bytes = b"") -> None:
        super().__init__(daemon=True)
        self._shake_hands = shake_hands
        self._first = first
        self.sent = 0

    def run(self) -> None:
        with self._shake_hands() as peer, contextlib.suppress(OSError):
            peer.settimeout(10)  # who is cut off may not be told, but nobody reads what it sends
            peer.sendall(self._first)
            while self.sent < PLENTY:
                peer.sendall(CHUNK)
                self.sent += len(CHUNK)


def meet(noted: Noted, receiver: FrameReceiver) -> None:
    until(lambda: noted.serve() and receiver.poll(0.01) and receiver.session, "a welcome")


def is_served(noted: Noted, sender: FrameSender, receiver: FrameReceiver, seq: int) -> bool:
    """Whether a frame arrives."""
    sender.send_jpeg(b"\xff\xd8 as if", tag=FrameTag("gate", 1, seq), width=8, height=8, skip=True)
    came: list[int] = []

    def one() -> bool:
        noted.serve()
        came.extend(frame.seq for frame in receiver.poll(0.01)[0])
        return bool(came)

    until(one, "a frame")
    return came == [seq]


@pytest.mark.parametrize("first", [b"", zmtp.part(WANT, more=False)], ids=["a stranger", "a receiver"])
def test_a_message_that_never_ends_costs_its_sender_the_connection(sender: FrameSender, first: bytes) -> None:
    """libzmq keeps the parts of a message until the last is there, and bounds only the size of each."""
    noted = Noted(sender)
    endless = Endless(lambda: zmtp.connect(sender.address), first=first)
    endless.start()
    until(lambda: noted.has("it sends, and comes to no end"), "the end of its connection")
    until(lambda: noted.serve() and not endless.is_alive(), "the end of what it sends")
    assert endless.sent < PLENTY
    with FrameReceiver(sender.address, insecure=True) as receiver:
        meet(noted, receiver)
        assert is_served(noted, sender, receiver, 1)


def test_a_sender_without_end_costs_a_receiver_no_more_than_its_pictures() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endless = Endless(lambda: zmtp.accept(listener))
        endless.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with FrameReceiver(address, insecure=True, max_bytes=1 << 20) as receiver:
            notes: list[str] = []

            def cut_off() -> bool:
                notes.extend(receiver.poll(0.01)[1])
                return any("127.0.0.1: it sends, and comes to no end" in note for note in notes)

            until(cut_off, "the end of its connection")
            endless.join(60)
    assert 0 < endless.sent < PLENTY


def test_a_sender_without_end_costs_a_plain_receiver_no_more_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endless = Endless(lambda: zmtp.accept(listener))
        endless.start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with PlainReceiver(address, insecure=True, max_bytes=1 << 20) as receiver:
            until(lambda: receiver.receive(0.01) is None and receiver.malformed == 1, "the end of its connection")
            endless.join(60)
    assert 0 < endless.sent < PLENTY


def test_a_sender_whose_messages_end_may_send_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count begins anew with each message: far more comes here than may come without one."""
    monkeypatch.setattr(plain, "BESIDES", 1 << 20)
    with (
        FrameSender(ANY_PORT, insecure=True) as sender,
        PlainReceiver(sender.address, insecure=True, max_bytes=1 << 20) as receiver,
    ):
        until(lambda: sender.poll(0.01) and receiver.receive(0.01) is None and receiver.session, "a welcome")
        session = receiver.session
        for seq in range(20):
            sender.send_jpeg(bytes(1 << 20), tag=FrameTag("gate", 1, seq), width=8, height=8)

            def arrived(seq: int = seq) -> bool:
                sender.poll(0.01)
                frame = receiver.receive(0.01)
                return frame is not None and frame.header.seq == seq

            until(arrived, "a frame")
        assert (receiver.session, receiver.malformed) == (session, 0)


def strangers(address: str, count: int) -> contextlib.ExitStack:
    """Return so many connections that say nothing, to be closed."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
        return stack.pop_all()


def test_strangers_take_a_bounded_number_of_places_and_give_them_back(sender: FrameSender) -> None:
    noted = Noted(sender)
    with FrameReceiver(sender.address, insecure=True) as receiver:
        meet(noted, receiver)
        with strangers(sender.address, 200):
            until(lambda: noted.has("there are too many"), "the end of some")
            assert is_served(noted, sender, receiver, 1)
            assert len(noted.notes) < 200, "a stranger must not fill the log"
            with FrameReceiver(sender.address, insecure=True) as late:  # though strangers have all places
                until(lambda: noted.serve() and late.poll(0.01) and late.session, "a place beside strangers")
        assert is_served(noted, sender, receiver, 2)
    with FrameReceiver(sender.address, insecure=True) as late:
        until(lambda: noted.serve() and late.poll(0.01) and late.session, "a place for another receiver")


def test_who_asks_for_nothing_is_asked_to_leave() -> None:
    with (
        FrameSender(ANY_PORT, insecure=True, silence_s=1.0) as sender,
        contextlib.closing(zmtp.connect(sender.address)),
    ):
        noted = Noted(sender)
        until(lambda: noted.has("127.0.0.1: it asked for nothing"), "its end")


UNHEARD = """
import socket, sys
from framehop._core import FrameSender
sender = FrameSender("tcp://127.0.0.1:0", insecure=True)
host, _, port = sender.address.removeprefix("tcp://").rpartition(":")
for _ in range(1500):
    try:
        with socket.create_connection((host, int(port)), timeout=2) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n" * 10)
    except TimeoutError:  # nobody is let in any more
        break
sender.close()
print("closed")
"""


def test_a_sender_that_heard_nobody_for_long_can_be_closed() -> None:
    """libzmq's thread stands still while too many of its events wait to be heard."""
    done = subprocess.run([sys.executable, "-c", UNHEARD], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr


STRAINED = """
import os, resource, sys
from framehop._core import FrameSender
highest = os.dup(0)
os.close(highest)
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 150, highest + 150))
with FrameSender("tcp://127.0.0.1:0", insecure=True) as sender:
    print(sender.address, flush=True)
    while True:
        sender.poll(1.0)
"""


def test_strangers_beyond_the_last_descriptor_end_no_sender() -> None:
    with subprocess.Popen([sys.executable, "-c", STRAINED], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            with strangers(address, 600):
                pass
            with FrameReceiver(address, insecure=True) as receiver:
                until(lambda: receiver.poll(0.1) and receiver.session, "a welcome")
            assert process.poll() is None
        finally:
            process.kill()


def test_a_senders_words_give_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    found = DetectedObject(label="\x1b[2J", label_id=1, confidence=0.5, box=(0.0, 0.0, 1.0, 1.0))
    line = FrameLine(stream="gate\x1b]0;", epoch=1, seq=2, width=3, height=4, objects=[found], skipped=0)
    show(line, json=False)
    show(line, json=True)
    assert "\x1b" not in capsys.readouterr().out
