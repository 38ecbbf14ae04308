"""Tells taps of the pictures in a worker's ring. While no tap listens this costs one look for each batch, and a tap that does not
keep up loses notices: nobody here ever waits for it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import zmq

from framehop.decode import Decoded
from framehop.pipeline.notices import Known, Notice, Shown, encode_notice
from framehop.types import Event

logger = logging.getLogger(__name__)

KEPT = 256  # notices for each tap
LARGEST_SUBSCRIPTION = 1 << 10


class NoticeBoard:
    """Binds the socket at `path` with mode 0600. If that cannot be, pictures go on without taps, with a warning. Use from one
    thread."""

    def __init__(self, path: str) -> None:
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.XPUB)
        self._listeners: set[bytes] = set()
        try:
            for option, value in ((zmq.LINGER, 0), (zmq.SNDHWM, KEPT), (zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)):
                self._socket.set(option, value)
            self._socket.bind(f"ipc://{path}")
            Path(path).chmod(0o600)
        except (zmq.ZMQError, OSError) as error:
            logger.warning("taps cannot hear of the pictures of this worker: %s: %s", path, error)

    def shown(self, frames: Iterable[Decoded]) -> None:
        """Tell of pictures that were just published."""
        self._look()
        if not self._listeners:
            return
        for frame in frames:
            key, ref = frame.record.meta.key, frame.ref
            self._tell(Shown(key.stream, key.epoch, key.seq, ref.slot, ref.generation), key.stream)

    def known(self, event: Event) -> None:
        """Tell what was found in a picture."""
        if self._listeners:
            self._tell(Known(event), event.stream)

    def _look(self) -> None:
        """Note which streams taps want now; a tap that has died is taken off by libzmq."""
        while self._socket.EVENTS & zmq.POLLIN:
            message = self._socket.recv(zmq.NOBLOCK)
            if message[:1] == b"\x01":
                self._listeners.add(message[1:])
            else:
                self._listeners.discard(message[1:])

    def _tell(self, notice: Notice, stream: str) -> None:
        with contextlib.suppress(zmq.ZMQError):  # a publisher drops what a tap does not take
            self._socket.send_multipart(encode_notice(notice, stream), zmq.NOBLOCK)

    def close(self) -> None:
        """Closing twice is harmless."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
