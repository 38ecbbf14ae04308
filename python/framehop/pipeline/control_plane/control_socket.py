"""The socket at which a running pipeline answers requests. It has a thread of its own, so that no request delays the supervisor."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import zmq

from framehop import _core
from framehop.budgets import CONTROL_CLOSE_S
from framehop.errors import FramehopError, ProcessError, SystemCallError, text_of
from framehop.pipeline.control_plane.requests import (
    DESCRIPTORS,
    LARGEST_REQUEST,
    PUBLICATION,
    SOCKET,
    Answer,
    Publication,
    Refusal,
    Request,
    encode,
    parse_request,
)
from framehop.pipeline.guests import Guests
from framehop.pipeline.wake import Wake
from framehop.replacing import replace_file

logger = logging.getLogger(__name__)

CLIENTS = 64  # connected at a time
SEND_MS = 1000


class ControlSocket:
    """Binds `path` with mode 0600, and answers each request by `answer`, called in the socket's thread. Closing twice is harmless.
    Raises ProcessError when it cannot be bound."""

    def __init__(self, path: Path, answer: Callable[[Request], Answer]) -> None:
        self._answer = answer
        _check_descriptors()
        self._wake = Wake()
        self._context = zmq.Context()
        try:
            self._guests = Guests.where_possible(self._context, str(path), CLIENTS, "answering requests safely")
            self._socket = self._bound(path)
        except BaseException as error:
            self._context.destroy(linger=0)
            self._wake.close()
            if isinstance(error, zmq.ZMQError | OSError):
                raise ProcessError(f"the control socket {path} cannot be made: {error}") from error
            raise
        self._thread = threading.Thread(target=self._run, name="framehop-control", daemon=True)
        self._thread.start()

    def _bound(self, path: Path) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.REP)
        try:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDTIMEO, SEND_MS)
            socket.set(zmq.MAXMSGSIZE, LARGEST_REQUEST)
            if self._guests is not None:
                self._guests.watch(socket)
            socket.bind(f"ipc://{path}")
            path.chmod(0o600)
        except BaseException:
            self._close(socket)
            raise
        return socket

    def _close(self, socket: zmq.Socket[bytes]) -> None:
        socket.close()
        if self._guests is not None:
            self._guests.close()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        wake = self._wake.fileno()
        poller.register(wake, zmq.POLLIN)
        if self._guests is not None:
            poller.register(self._guests.events, zmq.POLLIN)
        try:
            while wake not in dict(poller.poll()):
                if self._guests is not None:
                    self._guests.look()
                with contextlib.suppress(zmq.ZMQError):  # the client has gone
                    self._serve(self._socket.recv_multipart(zmq.NOBLOCK))
        finally:  # also when this thread fails: else the context would wait for the socket for ever
            self._close(self._socket)

    def _serve(self, parts: list[bytes]) -> None:
        self._socket.send(self._answered(parts))

    def _answered(self, parts: list[bytes]) -> bytes:
        try:
            return encode(self._tried(parts))
        except Exception as error:  # our bug must not end the pipeline, nor this thread
            logger.exception("a request was not answered")
            return encode(Refusal(error=f"this request failed here: {text_of(error)!a}"))

    def _tried(self, parts: list[bytes]) -> Answer:
        try:
            return self._answer(parse_request(b"".join(parts)))
        except FramehopError as error:
            return Refusal(error=str(error))

    def close(self) -> None:
        if self._wake.fileno() < 0:
            return
        self._wake.ring()
        self._thread.join(CONTROL_CLOSE_S)
        if self._thread.is_alive():
            logger.warning("an answer to a request takes long; it is left alone")
            return
        self._context.term()
        self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _check_descriptors() -> None:
    try:
        _core.need_descriptors(DESCRIPTORS, "the control socket")
    except SystemCallError as error:
        raise ProcessError(str(error)) from error


def publish(directory: Path, publication: Publication, answer: Callable[[Request], Answer]) -> ControlSocket:
    """Publish a pipeline in its runtime directory: from here on it can be found and asked. Raises ProcessError, OSError."""
    control = ControlSocket(directory / SOCKET, answer)
    try:
        # The file comes last and in one step, so that whoever finds it finds it complete, and the socket too.
        replace_file(directory / PUBLICATION, encode(publication))
    except BaseException:
        control.close()
        raise
    return control
