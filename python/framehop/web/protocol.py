"""HTTP as uvicorn speaks it, with two deadlines more: a client that sends no request, or takes no answer, is cut off."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 20.0  # from the connection to the end of the first request's head
TAKE_S = 30.0  # what a client may leave an answer waiting


class ImpatientProtocol(H11Protocol):
    """One connection. uvicorn by itself waits for both for ever, and has only so many connections."""

    _cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._cut = self.loop.call_later(REQUEST_S, self._cut_idle)

    def _cut_idle(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._set_cut(self.loop.call_later(TAKE_S, self.transport.abort))

    def resume_writing(self) -> None:
        super().resume_writing()
        self._set_cut(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_cut(None)
        super().connection_lost(exc)

    def _set_cut(self, cut: asyncio.TimerHandle | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        self._cut = cut
