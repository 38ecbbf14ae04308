"""A receiver of frames on pyzmq alone, for machines without framehop's C++ core. It needs this room, framehop.errors and pyzmq."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import zmq

from framehop.errors import BadMessageError, ClosedError, InvalidArgumentError, RefusedError
from framehop.hop import messages, pixels
from framehop.hop.connections import need_descriptors
from framehop.hop.endless import LOOK_S, SenderBound
from framehop.hop.messages import KEY_CHARACTERS, FrameDelivery, Header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framehop.hop.keys import ReceiverKeys

WANT_EVERY_S = 1.0
TRY_AGAIN_S = 0.05
CONNECT_ANEW_S = 6.0  # libzmq gives up for good when the sender refuses a key; longer than a handshake may take
FRAME_PARTS = 3
DESCRIPTORS = 24  # of a context, its sockets and a connection, and some to spare
HANDSHAKE = 1024  # bytes that encryption needs beside a message
BESIDES = 64 << 20  # bytes that a sender may send beside frames: weeks of heartbeats while there is nothing to see


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFrame:
    """A frame that came. `payload`: its bytes as libzmq received them, not copied. `note`: what the sender said of it."""

    header: Header
    payload: memoryview
    note: bytes

    def array(self) -> NDArray[np.uint8]:
        """Return a read-only array over `payload`, without a copy: uint8 [height, width, 3] for rgb8 and bgr8, [height, width] for
        gray8, [height * 3 / 2, width] for i420 and nv12, [N] for bytes. Raises InvalidArgumentError for a JPEG, and for i420 and
        nv12 with an odd side."""
        return pixels.array_over(self.header, self.payload)

    def planes(self) -> tuple[NDArray[np.uint8], ...]:
        """Return a read-only array for each plane, without a copy: of i420 Y, U and V, of nv12 Y and UV [height / 2, width / 2, 2],
        halves rounded up. Raises InvalidArgumentError for a JPEG."""
        return pixels.planes_over(self.header, self.payload)


def _check(address: str, *, keys: ReceiverKeys | None, insecure: bool) -> None:
    """Refuse libzmq's other transports, too: some of them leave the machine, and none asks for keys."""
    if not address.startswith(("tcp://", "ipc://")):
        raise InvalidArgumentError(
            f"frames go over tcp://HOST:PORT, or over ipc:// and the path of a socket: {address}"
        )
    if keys is not None and not all(len(key) == KEY_CHARACTERS for key in (keys.secret, keys.sender)):
        raise InvalidArgumentError(f"a key has {KEY_CHARACTERS} characters, as `framehop keys create` writes them")
    if address.startswith("tcp://") and keys is None and not insecure:
        raise RefusedError(f"frames go over {address} with keys only, or insecure=True")


class PlainReceiver:
    """Receives frames as framehop.FrameReceiver does, and connects again whenever the sender was away. Use from one thread.

    `address`: tcp://HOST:PORT, or ipc://PATH. `keys`: needed for tcp://, unless `insecure`, which shows the pictures to everybody
    on that network. `max_bytes`: of one picture; a larger one ends the connection, as does a sender that sends more than there is
    credit for without ending a message. Raises RefusedError for tcp:// without keys, InvalidArgumentError for an address or keys
    that are none, and SystemCallError when too few file descriptors are left.
    """

    def __init__(
        self,
        address: str,
        *,
        keys: ReceiverKeys | None = None,
        insecure: bool = False,
        delivery: FrameDelivery = "latest",
        credits: int = 4,
        stream: str = "",
        max_bytes: int = 256 << 20,
    ) -> None:
        _check(address, keys=keys, insecure=insecure)
        self._credits = 1 if delivery == "latest" else credits
        self._delivery, self._stream = delivery, stream
        self._session = self._received = self.malformed = 0
        self._address = address
        self._next_want_s = 0.0
        self._last_sent_s = time.monotonic()  # a want, or when the connection was made anew since
        self._unfinished = False
        self._want()  # refuses what cannot be asked for
        need_descriptors(DESCRIPTORS, "a receiver of frames")
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        most = self._credits * (max_bytes + messages.MAX_NOTE) + BESIDES
        self._bound = SenderBound(self._context, self._socket, address, most)
        try:
            self._set_up(max_bytes, keys)
            self._socket.connect(address)
        except (zmq.ZMQError, ValueError) as error:  # pyzmq refuses a key of another length by ValueError
            self.close()
            raise InvalidArgumentError(f"{address} cannot be connected to: {error}") from error

    def _set_up(self, max_bytes: int, keys: ReceiverKeys | None) -> None:
        socket = self._socket
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),  # a want that did not leave is of no use to the next connection
            (zmq.SNDHWM, 8),
            (zmq.RCVHWM, self._credits + 2),
            (zmq.HEARTBEAT_IVL, 1000),
            (zmq.HEARTBEAT_TIMEOUT, 5000),
            (zmq.RECONNECT_IVL_MAX, 2000),
            (zmq.MAXMSGSIZE, max(max_bytes, messages.MAX_NOTE) + HANDSHAKE),
        ):
            socket.set(option, value)
        if keys is not None:
            secret = keys.secret.encode()
            socket.set(zmq.CURVE_SECRETKEY, secret)
            socket.set(zmq.CURVE_PUBLICKEY, zmq.curve_public(secret))
            socket.set(zmq.CURVE_SERVERKEY, keys.sender.encode())

    @property
    def session(self) -> int:
        """The sender's number for this connection; 0 until it has answered."""
        return self._session

    def receive(self, timeout_s: float) -> PlainFrame | None:
        """Wait for the next frame; None when the time is up. Calling it says that the frame before is done with."""
        if self._socket.closed:
            raise ClosedError("this receiver is closed")
        self._finish_frame()
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._ask()
            self.malformed += self._bound.look()
            with contextlib.suppress(BadMessageError):
                if (frame := self._take()) is not None:
                    return frame
                left_s = min(deadline_s, self._next_want_s) - time.monotonic()
                self._socket.poll(max(0, int(min(left_s, LOOK_S) * 1000) + 1))
            if time.monotonic() >= deadline_s:
                return self._take_last()

    def _take_last(self) -> PlainFrame | None:
        with contextlib.suppress(BadMessageError):
            return self._take()
        return None

    def _finish_frame(self) -> None:
        if self._unfinished:
            self._unfinished = False
            self._received += 1
            self._next_want_s = 0.0

    def _want(self) -> bytes:
        return messages.want(
            session=self._session,
            received=self._received,
            credits=self._credits,
            delivery=self._delivery,
            stream=self._stream,
        )

    def _ask(self) -> None:
        if time.monotonic() < self._next_want_s:
            return
        try:
            self._socket.send(self._want(), zmq.NOBLOCK)
            self._last_sent_s = time.monotonic()
            self._next_want_s = self._last_sent_s + WANT_EVERY_S
        except zmq.Again:  # there is no connection
            self._next_want_s = time.monotonic() + TRY_AGAIN_S
            self._connect_anew()

    def _connect_anew(self) -> None:
        if time.monotonic() - self._last_sent_s < CONNECT_ANEW_S:
            return
        with contextlib.suppress(zmq.ZMQError):  # it has given up
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
        self._last_sent_s = time.monotonic()

    def _take(self) -> PlainFrame | None:
        """Take one message; None if none is there, or if it was no frame. Raises BadMessageError, counted."""
        try:
            parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        self._bound.note_message()
        try:
            return self._parsed(parts)
        except BadMessageError:
            self.malformed += 1
            raise

    def _parsed(self, parts: list[zmq.Frame]) -> PlainFrame | None:
        if len(parts) != FRAME_PARTS:
            self._session = messages.parse_welcome(parts[0].buffer if len(parts) == 1 else b"")
            self._received = 0
            self._next_want_s = time.monotonic() + WANT_EVERY_S
            return None
        head, payload, note = parts
        try:
            header = messages.parse_header(head.buffer, len(payload.buffer), len(note.buffer))
        except BadMessageError:
            self._drop(messages.session_of(head.buffer))
            raise
        if header.session != self._session:
            raise BadMessageError("a frame of another session")
        self._unfinished = True
        return PlainFrame(header=header, payload=payload.buffer, note=note.bytes)

    def _drop(self, session: int) -> None:
        """Be done with a frame that cannot be read: the sender counts it, too, and its credit would never come back."""
        if session and session == self._session:
            self._received += 1
            self._next_want_s = 0.0

    def close(self) -> None:
        """End the connection. Frames that came stay valid. Closing twice is harmless."""
        self._socket.close()
        self._bound.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
