"""Tells taps of the pictures in a worker's ring. While no tap listens this costs one look for each batch, and a tap that does not
keep up loses notices: nobody here ever waits for it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import zmq

from framehop import _core
from framehop.decode import Decoded
from framehop.pipeline.guests import Guests
from framehop.pipeline.taps.notices import Known, Notice, Shown, encode_notice
from framehop.pipeline.worker.subscriptions import Subscriptions
from framehop.types import Event

logger = logging.getLogger(__name__)

DESCRIPTORS = 16  # a context and its sockets
TAPS = 64  # connected at a time
KEPT = 256  # notices for each tap
LARGEST_SUBSCRIPTION = 1 << 8  # a stream's name, and what libzmq says beside it
AT_ONCE = 256  # subscriptions that a look takes: a batch must not wait for a tap that subscribes without end


class NoticeBoard:
    """Binds the socket at `path` with mode 0600. If that cannot be, pictures go on without taps, with a warning. Use from one
    thread."""

    def __init__(self, path: str) -> None:
        self._listeners = Subscriptions(path)
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._guests: Guests | None = None
        try:
            _core.need_descriptors(DESCRIPTORS, "the notices for taps")  # libzmq aborts the process when it finds none
            self._context = zmq.Context()
            self._guests = Guests.where_possible(self._context, path, TAPS, "telling taps of pictures safely")
            self._socket = self._context.socket(zmq.XPUB)
            if self._guests is not None:
                self._guests.watch(self._socket)
            self._bind(self._socket, path)
        except (zmq.ZMQError, OSError) as error:
            logger.warning("taps cannot hear of the pictures of this worker: %s: %s", path, error)
            self.close()

    def _bind(self, socket: zmq.Socket[bytes], path: str) -> None:
        for option, value in ((zmq.LINGER, 0), (zmq.SNDHWM, KEPT), (zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)):
            socket.set(option, value)
        socket.bind(f"ipc://{path}")
        Path(path).chmod(0o600)

    def shown(self, frames: Iterable[Decoded]) -> None:
        """Tell of pictures that were just published."""
        if self._socket is None:
            return
        self._look(self._socket)
        for frame in frames if self._listeners else ():
            key, ref = frame.record.meta.key, frame.ref
            if self._listeners.wants(key.stream):
                self._tell(Shown(key.stream, key.epoch, key.seq, ref.slot, ref.generation), key.stream)

    def known(self, event: Event) -> None:
        """Tell what was found in a picture."""
        if self._listeners.wants(event.stream):  # events of streams that nobody watches are not even written down
            self._tell(Known(event), event.stream)

    def _look(self, socket: zmq.Socket[bytes]) -> None:
        """Note which streams taps want now, so many of them at a look; a tap that has died is taken off by libzmq."""
        if self._guests is not None:
            self._guests.look()
        for _ in range(AT_ONCE):
            if not int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                return
            self._listeners.take(socket.recv(zmq.NOBLOCK, copy=False))

    def _tell(self, notice: Notice, stream: str) -> None:
        assert self._socket is not None
        with contextlib.suppress(zmq.ZMQError):  # a publisher drops what a tap does not take
            self._socket.send(encode_notice(notice, stream), zmq.NOBLOCK)

    def close(self) -> None:
        """Closing twice is harmless."""
        self._listeners.clear()
        if self._socket is not None:
            self._socket.close()
        if self._guests is not None:
            self._guests.close()
        if self._context is not None:
            self._context.term()
        self._socket = self._guests = self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
