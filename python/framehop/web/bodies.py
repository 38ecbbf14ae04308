"""Reads the one body that is taken: a login's, which is small and comes at once."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import ClientDisconnect, Request

from framehop.web.answers import Login
from framehop.web.errors import ApiError
from framehop.web.guard import LONGEST_BODY

BODY_S = 5.0

_logins = msgspec.json.Decoder(Login)


async def read_login(request: Request) -> str:
    """Return the token of a login. Raises ApiError: 400, 408, 413."""
    try:
        async with asyncio.timeout(BODY_S):
            body = await _body(request)
        return _logins.decode(body).token
    except TimeoutError:
        raise ApiError(408, f"the body did not come within {BODY_S:.0f} s") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ClientDisconnect):
        raise ApiError(400, 'a login is JSON with a token: {"token": "…"}') from None


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise ApiError(413, f"a body has at most {LONGEST_BODY} bytes here")
    return body
