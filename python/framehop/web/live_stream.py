"""The stream of server-sent events: what is new, and once a second what has changed about the streams."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from starlette.types import Receive, Scope, Send

from framehop.web.errors import ApiError
from framehop.web.feed import Feed, Subscriber

BATCH_S = 0.05  # the pause between two batches: at most 20 a second
STREAMS_S = 1.0
COMMENT_S = 10.0
RETRY_MS = 2000


class LiveStream:
    """An ASGI answer that goes on until the client leaves, is cut off as it takes nothing any more, or the server ends."""

    def __init__(
        self,
        feed: Feed,
        streams: Collection[str],
        news: Callable[[int], Awaitable[tuple[int, bytes]]],
        allowed: Callable[[], bool] = lambda: True,
        *,
        events: bool = True,
    ) -> None:
        """`streams`: only these; empty for all. `news`: what has changed about them since a look, as StreamNews tells it.
        `allowed`: whether the client may still look. `events`: whether it is told of events."""
        self._feed, self._streams, self._news, self._allowed = feed, streams, news, allowed
        self._events = events
        self._told = 0  # the look at which this client was told of the streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.subscribed(self._streams, events=self._events) as subscriber:
            sending = asyncio.create_task(self._send(subscriber, send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _ended(sending, leaving)

    async def _send(self, subscriber: Subscriber, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        headers.append((b"x-accel-buffering", b"no"))  # a proxy of nginx would keep it until it has a buffer full
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for chunk in self._chunks(subscriber):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self, subscriber: Subscriber) -> AsyncIterator[bytes]:
        yield b"retry: %d\n\n" % RETRY_MS
        streams_at = time.monotonic()
        comment_at = streams_at + COMMENT_S
        while not self._feed.closed.is_set() and self._allowed():
            if time.monotonic() >= streams_at:
                with contextlib.suppress(ApiError):  # too much is asked of this host just now: they come a second later
                    self._told, data = await self._news(self._told)
                    yield _message("streams", data)
                streams_at = time.monotonic() + STREAMS_S
            if subscriber.ready.is_set():
                yield _message("events", _batch(*subscriber.take()))
                await asyncio.sleep(BATCH_S)
            if time.monotonic() >= comment_at:
                yield b": still here\n\n"
                comment_at += COMMENT_S
            await _waited(subscriber.ready, streams_at - time.monotonic())


async def _waited(ready: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            await ready.wait()
    except TimeoutError:
        pass


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel what still runs, and take note of how each ended: a client that is gone is no error."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _batch(events: list[bytes], dropped: int) -> bytes:
    lost = b',"dropped":%d' % dropped if dropped else b""
    return b'{"events":[%b]%b}' % (b",".join(events), lost)


def _message(name: str, data: bytes) -> bytes:
    """Return one message. A line break in JSON is no part of a text, and would end the data."""
    flat = data.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: %b\ndata: %b\n\n" % (name.encode(), flat)
