"""Stands before every request: where it comes from, how large it is, whether its sender may look; and what browsers are told.

A page of another site must not reach us through its visitor's browser. So the name in Host has to be ours, since a foreign one that
leads here is DNS rebinding, and Origin has to be that very host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framehop.web.access import Access
from framehop.web.errors import ApiError
from framehop.web.responses import failure

LONGEST_TARGET = 8192  # path and query
LONGEST_BODY = 4096
PUBLIC = {"/", "/healthz", "/api/v1/session", "/api/v1/login", "/api/v1/openapi.json"}  # they tell nothing of the log
PUBLIC_BELOW = "/static/"

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


class Guard:
    """ASGI middleware. Whatever is refused gets a sentence, and no further."""

    def __init__(self, app: ASGIApp, access: Access, *, names: Collection[str], loopback: bool, cookie: str) -> None:
        """`names`: what this host is called. `loopback`: only those that stand for this very machine are served. `cookie`: the
        session's name."""
        self._app, self._access, self._cookie = app, access, cookie
        self._names = frozenset(name.lower() for name in names)
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send, "no-cache" if scope["path"].startswith(PUBLIC_BELOW) else "no-store")
        try:
            self._check(scope)
        except ApiError as error:
            await failure(error)(scope, receive, answer)
            return
        await self._app(scope, receive, answer)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if scope["type"] != "http":
            raise ApiError(400, "only HTTP is spoken here")
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > LONGEST_TARGET:
            raise ApiError(414, f"path and query are longer than {LONGEST_TARGET} bytes: ask for less at a time")
        self._check_host(headers)
        self._check_origin(scope, headers)
        _check_body(headers)
        path = scope["path"]
        state = scope.setdefault("state", {})
        state["authenticated"] = allowed = self._allows(scope, headers)
        state["controls"] = allowed and self._access.controls(cookie_of(headers, self._cookie), _bearer_of(headers))
        if not (allowed or path in PUBLIC or path.startswith(PUBLIC_BELOW)):
            raise ApiError(
                401, "log in with the token that framehop printed when it started, or that is in the --token-file"
            )

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None or not self._is_ours(found[1].lower()):
            raise ApiError(421, "this page is not served under that name: use the address that framehop printed")

    def _is_ours(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or not self._loopback  # nobody can lead an address elsewhere

    @staticmethod
    def _check_origin(scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is not None and _site_of(origin) != headers["host"].lower():
            raise ApiError(403, "a page of another site may not ask for this")
        navigates = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not navigates:
            raise ApiError(403, "a page of another site may not ask for this")

    def _allows(self, scope: Scope, headers: Headers) -> bool:
        address = (scope.get("client") or ("",))[0]
        return self._access.allows(cookie_of(headers, self._cookie), _bearer_of(headers), address)


def _bearer_of(headers: Headers) -> str:
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if kind.lower() == "bearer" else ""


def _check_body(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length[:12]) > LONGEST_BODY:
        raise ApiError(413, f"a body has at most {LONGEST_BODY} bytes here")


def _site_of(origin: str) -> str:
    """Return host and port of an origin, empty for one that is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def cookie_of(headers: Headers, name: str) -> str:
    """Return the value of a cookie, empty if there is none. Cookies of other programs on this host come along, whatever their port,
    and may be of any form: none of them hides ours."""
    for cookie in headers.get("cookie", "").split(";"):
        key, _, value = cookie.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""


def _with_headers(send: Send, cache: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", cache)
        await send(message)

    return answer
