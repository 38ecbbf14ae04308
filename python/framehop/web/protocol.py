"""HTTP as uvicorn speaks it, with two deadlines more: a client that sends no request, or takes no answer, is cut off."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 20.0  # from the connection to the end of the first request's head
TAKE_S = 30.0  # what a client may leave an answer waiting, and then take to the end of the next request's head
TOLD = 64  # connections over the limit that are told so; more would take descriptors that the log needs


class ImpatientProtocol(H11Protocol):
    """One connection. uvicorn by itself waits for both for ever, and has only so many connections."""

    _idle: asyncio.TimerHandle | None = None
    _full: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._await_request(REQUEST_S)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency + TOLD:
            transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_request(TAKE_S)  # uvicorn's own limit ends with the first byte that comes

    def _await_request(self, timeout_s: float) -> None:
        _cancel(self._idle)
        self._idle = self.loop.call_later(timeout_s, self._cut_idle)

    def _cut_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        _cancel(self._full)
        self._full = self.loop.call_later(TAKE_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._full)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._idle)
        _cancel(self._full)
        super().connection_lost(exc)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
