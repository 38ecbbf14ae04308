"""Tests of who may look, and of what else is refused before a request is answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from framehop.errors import ConfigError
from framehop.web import access as access_module
from framehop.web import protocol
from framehop.web.access import Access, Token, make_token, read_tokens
from framehop.web.errors import ApiError
from framehop.web.guard import CSP
from tests.pages import Filled, client_of, until_indexed
from tests.waiting import until

TOKEN = "correct-horse-battery"
MASTER = "correct-horse-battery-staple"


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", list)
        yield


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A page on loopback, of a log that is not there."""
    with client_of(tmp_path_factory.mktemp("log") / "none") as client:
        yield client


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[httpx.Client]:
    """A page on every address, with a token."""
    with client_of(
        tmp_path / "none", tokens=[Token(text=TOKEN), Token(text=MASTER, control=True)], host="0.0.0.0"
    ) as client:
        yield client


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80", "127.1.2.3"])
def test_names_of_this_machine_are_served(page: httpx.Client, host: str) -> None:
    assert page.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "a b", "127.0.0.1:x"])
def test_other_names_are_not(page: httpx.Client, host: str) -> None:
    """A foreign name that leads here is DNS rebinding."""
    answer = page.get("/healthz", headers={"host": host})
    assert answer.status_code in {400, 421}
    assert "ok" not in answer.text


def test_on_every_address_addresses_are_served_and_foreign_names_are_not(locked: httpx.Client) -> None:
    assert locked.get("/healthz", headers={"host": "192.0.2.1:80"}).status_code == 200
    assert locked.get("/healthz", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_pages_of_other_sites_get_nothing(page: httpx.Client, headers: dict[str, str]) -> None:
    assert page.get("/api/v1/streams", headers=headers).status_code == 403
    assert page.post("/api/v1/login", headers=headers, json={"token": "x"}).status_code == 403


def test_our_own_page_and_a_link_from_elsewhere_are_answered(page: httpx.Client) -> None:
    own = {"origin": str(page.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert page.get("/api/v1/streams", headers=own).status_code == 200
    linked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert page.get("/api/v1/session", headers=linked).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/nothing", "/api/v1/frames/a/b/c", "/api/v1/session"])
def test_every_answer_tells_browsers_the_rules(page: httpx.Client, path: str) -> None:
    headers = page.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert headers["cache-control"] in {"no-store", "no-cache"}
    assert "server" not in headers


def test_a_long_request_is_refused(page: httpx.Client) -> None:
    assert page.get("/api/v1/events?label=" + "x" * 9000).status_code == 414
    assert page.post("/api/v1/login", content=b"x" * 5000).status_code == 413
    assert page.post("/api/v1/login", content=iter([b"x" * 3000, b"x" * 3000])).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 4000, b'{"token": 1}', b"\xff"])
def test_a_login_that_is_none_is_refused(page: httpx.Client, body: bytes) -> None:
    answer = page.post("/api/v1/login", content=body)
    assert (answer.status_code, "token" in answer.json()["error"]) == (400, True)


# ---------------------------------------------------------------- the token

SECRET = [
    "streams",
    "events",
    "events/a/1/2/main",
    "labels",
    "frames/frames/0/0",
    "latest/gate",
    "units/gate",
    "live",
    "lag",
    "system",
]


@pytest.mark.parametrize("path", [*(f"/api/v1/{name}" for name in SECRET), "/metrics", "/readyz", "/nothing"])
def test_without_the_token_there_is_nothing(locked: httpx.Client, path: str) -> None:
    answer = locked.get(path)
    assert answer.status_code == 401
    assert "log in with the token" in answer.json()["error"]


def test_without_the_token_the_session_says_only_that(locked: httpx.Client) -> None:
    said = locked.get("/api/v1/session").json()
    assert (said["authenticated"], said["log"], said["version"], said["log_error"]) == (False, "", "", "")


def test_a_login_opens_the_page_until_the_logout(locked: httpx.Client) -> None:
    answer = locked.post("/api/v1/login", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert locked.get("/api/v1/streams").status_code == 200
    kept = dict(locked.cookies)
    assert locked.post("/api/v1/logout").status_code == 204
    locked.cookies.update(kept)
    assert locked.get("/api/v1/streams").status_code == 401


def test_cookies_of_other_programs_on_this_host_do_not_hide_the_session(locked: httpx.Client) -> None:
    value = locked.post("/api/v1/login", json={"token": TOKEN}).cookies[f"framehop-{locked.base_url.port}"]
    for other in ('{"a": [1, 2]}', "a=b@c,d", 'q="', "=", "é"):
        cookie = f"other={other}; framehop-{locked.base_url.port}={value}; x".encode()
        locked.cookies.clear()
        assert locked.get("/api/v1/streams", headers={b"cookie": cookie}).status_code == 200


def test_the_logout_ends_what_follows_live_too(locked: httpx.Client) -> None:
    assert locked.post("/api/v1/login", json={"token": TOKEN}).status_code == 204
    with locked.stream("GET", "/api/v1/live") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        assert locked.post("/api/v1/logout").status_code == 204
        assert all(line is not None for line in lines), "it has an end"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer   {TOKEN}"])
def test_programs_send_the_token_with_each_request(locked: httpx.Client, header: str) -> None:
    assert locked.get("/api/v1/streams", headers={"authorization": header}).status_code == 200


@pytest.mark.parametrize("header", ["Bearer wrong", f"Basic {TOKEN}", "Bearer", TOKEN])
def test_a_wrong_token_opens_nothing(locked: httpx.Client, header: str) -> None:
    assert locked.get("/api/v1/streams", headers={"authorization": header}).status_code == 401
    locked.cookies.set(f"framehop-{locked.base_url.port}", "made-up")
    assert locked.get("/api/v1/streams").status_code == 401


def test_only_a_token_with_control_changes_something(locked: httpx.Client) -> None:
    refused = locked.post("/api/v1/streams/gate/pause", headers={"authorization": f"Bearer {TOKEN}"})
    assert (refused.status_code, "followed by control" in refused.json()["error"]) == (403, True)
    allowed = locked.post("/api/v1/streams/gate/pause", headers={"authorization": f"Bearer {MASTER}"})
    assert (allowed.status_code, "no pipeline of yours" in allowed.json()["error"]) == (404, True)
    assert locked.post("/api/v1/streams/gate/pause").status_code == 401


@pytest.mark.parametrize(("token", "read_only"), [(TOKEN, True), (MASTER, False)])
def test_a_login_has_the_rights_of_its_token_until_the_logout(
    locked: httpx.Client, token: str, *, read_only: bool
) -> None:
    assert locked.post("/api/v1/login", json={"token": token}).status_code == 204
    assert locked.get("/api/v1/session").json()["read_only"] is read_only
    assert locked.post("/api/v1/streams/gate/resume").status_code == (403 if read_only else 404)
    kept = dict(locked.cookies)
    assert locked.post("/api/v1/logout").status_code == 204
    locked.cookies.update(kept)
    assert locked.post("/api/v1/streams/gate/resume").status_code == 401


def test_a_login_to_look_tries_no_other_tokens(locked: httpx.Client) -> None:
    assert locked.post("/api/v1/login", json={"token": TOKEN}).status_code == 204
    tried = locked.post("/api/v1/streams/gate/pause", headers={"authorization": f"Bearer {MASTER}"})
    assert tried.status_code == 403


def test_where_nobody_needs_a_token_nobody_changes_anything(page: httpx.Client) -> None:
    assert page.get("/api/v1/session").json()["read_only"] is True
    assert page.post("/api/v1/streams/gate/pause").status_code == 403


def test_pages_of_other_sites_change_nothing(locked: httpx.Client) -> None:
    headers = {"authorization": f"Bearer {MASTER}"}
    for other in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}):
        assert locked.post("/api/v1/streams/gate/pause", headers=headers | other).status_code == 403


def test_a_stream_is_paused_and_resumed_and_nothing_else(locked: httpx.Client) -> None:
    headers = {"authorization": f"Bearer {MASTER}"}
    assert locked.post("/api/v1/streams/gate/remove", headers=headers).status_code == 404
    assert locked.post("/api/v1/streams/a%20b/pause", headers=headers).status_code == 400
    assert locked.get("/api/v1/streams/gate/pause", headers=headers).status_code == 405


def test_a_guesser_is_slowed_down(locked: httpx.Client) -> None:
    answers = [locked.post("/api/v1/login", json={"token": f"guess {number}"}) for number in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    assert locked.post("/api/v1/login", json={"token": TOKEN}).status_code == 429
    assert locked.get("/api/v1/streams", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 429


# ---------------------------------------------------------------- clients that behave badly


def closed(client: socket.socket) -> bool:
    """Return whether the other side closes the connection, without reading what it sends first."""
    client.settimeout(60)
    try:
        while client.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass
    return True


def served(client: socket.socket) -> bool:
    """Return whether the other side, in this process, has the connection open."""
    ours = client.getsockname()
    return any(found.raddr == ours for found in psutil.Process().net_connections("tcp"))


def test_who_sends_no_request_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_S", 0.2)
    with (
        client_of(tmp_path / "none") as page,
        socket.create_connection(("127.0.0.1", page.base_url.port)) as silent,
        socket.create_connection(("127.0.0.1", page.base_url.port)) as slow,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert closed(silent)
        assert closed(slow)
        assert page.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    "rest", [b"GET / HTTP/1.1\r\nHost: 127", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2 + b"GE"]
)
def test_who_never_ends_a_later_request_is_cut_off_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    monkeypatch.setattr(protocol, "TAKE_S", 0.5)
    with (
        client_of(tmp_path / "none") as page,
        socket.create_connection(("127.0.0.1", page.base_url.port)) as slow,
    ):
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + rest)
        assert closed(slow)


def test_a_body_that_nobody_reads_does_not_hold_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TAKE_S", 0.5)
    with (
        client_of(tmp_path / "none") as page,
        socket.create_connection(("127.0.0.1", page.base_url.port)) as slow,
    ):
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
        assert slow.recv(8) == b"HTTP/1.1"
        slow.sendall(b"x")
        assert closed(slow)


def test_connections_beyond_the_limit_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.server.MAX_CONNECTIONS", 1)
    monkeypatch.setattr(protocol, "TOLD", 1)
    with client_of(tmp_path / "none") as page, ExitStack() as stack:
        place = ("127.0.0.1", page.base_url.port)
        first, second, third = (stack.enter_context(socket.create_connection(place)) for _ in range(3))
        assert closed(third)
        second.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 503 " in second.recv(100)
        first.close()


def test_who_takes_no_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own queue is bounded, and the client is let go in the end."""
    monkeypatch.setattr(protocol, "TAKE_S", 0.2)
    log = Filled(tmp_path / "log")
    log.put("gate")
    with (
        client_of(log.path) as page,
        socket.create_connection(("127.0.0.1", page.base_url.port)) as deaf,
    ):
        until_indexed(page, 1)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        def told_in_vain() -> bool:
            log.put("gate", pictures=[b"x"] * 10, labels=("x" * 100_000,))
            return not served(deaf)

        assert served(deaf)
        until(told_in_vain, "the end of its connection")
        assert page.get("/healthz").text == "ok\n"


# ---------------------------------------------------------------- the parts


def test_guessing_is_over_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    access = Access([Token(text=TOKEN)])
    for _ in range(5):
        assert not access.allows("", "wrong", "192.0.2.1")
    with pytest.raises(ApiError, match="try again in"):
        access.allows("", TOKEN, "192.0.2.1")
    assert access.allows("", TOKEN, "192.0.2.2")
    now[0] += 61
    assert access.allows("", TOKEN, "192.0.2.1")


def test_many_guessers_together_are_slowed_down_too() -> None:
    access = Access([Token(text=TOKEN)])
    for number in range(60):
        assert not access.allows("", "wrong", f"192.0.2.{number}")
    with pytest.raises(ApiError) as raised:
        access.login(TOKEN, "198.51.100.1")
    assert raised.value.status == 429


def test_strangers_who_guess_do_not_keep_out_who_has_the_token() -> None:
    """A program that sends it with each request, as Prometheus does."""
    access = Access([Token(text=TOKEN)])
    assert access.allows("", TOKEN, "198.51.100.1")
    for number in range(60):
        assert not access.allows("", "wrong", f"192.0.2.{number}")
    assert access.allows("", TOKEN, "198.51.100.1")
    for _ in range(3):
        assert not access.allows("", "wrong", "198.51.100.1")


def test_sessions_end_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(access_module, "MAX_SESSIONS", 2)
    access = Access([Token(text=TOKEN)])
    first, second, third = (access.login(TOKEN, "") for _ in range(3))
    assert [access.allows(cookie, "", "") for cookie in (first, second, third)] == [False, True, True]
    now[0] += access_module.SESSION_S + 1
    assert not access.allows(third, "", "")


def test_a_made_token_is_long_and_new() -> None:
    assert len(make_token()) >= 32
    assert make_token() != make_token()


def test_tokens_are_the_lines_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f" {TOKEN} \n\n{MASTER}\tcontrol\r\n")
    assert read_tokens(tmp_path / "token") == (Token(text=TOKEN), Token(text=MASTER, control=True))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b"short", b"x" * 600, b"\xff" * 20, b"x" * 20 + b" write", b"x" * 20 + b" control control"),
        *(b"x" * 20 + b"\nshort", (b"x" * 20 + b"\n") * 65),
    ],
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="--token-file"):
        read_tokens(tmp_path / "token")
    with pytest.raises(ConfigError, match="No such file"):
        read_tokens(tmp_path / "missing")
