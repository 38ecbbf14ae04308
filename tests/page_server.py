"""A made-up server of the API that the page uses: the page's own files, and a `World` behind them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import framehop
from framehop.web.news import StreamNews
from tests.page_world import World, now_us, picture

STATIC = Path(framehop.__file__).parent / "web" / "static"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PIPELINE: dict[str, Any] = {
    "publication": {
        "pid": 4711,
        "started_us": now_us(),
        "log": "/data/log",
        "lane": "main",
        "version": "0.1.0",
        "kind": "pipeline",
    },
    "stopping": False,
    "counters": {"frames_read": 900, "events": 900, "failed": 1, "restarts": 1, "stalled": ""},
    "processes": [
        {"name": "worker-0", "pid": 4712, "ready": True, "starts": 3, "in_flight": 2},
        {"name": "detector", "pid": 4713, "ready": True, "starts": 1, "in_flight": 0},
    ],
    "streams": [],
    "rings": [{"worker": "worker-0", "slots": 32, "used": 8}],
    "members": {"worker-0": "member-a"},
    "models": {"detector": {"name": "made-up", "version": "1", "sha256": "0", "provider": "cpu"}},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a test's output is for what failed."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        if not path.startswith("/api/v1/"):
            self._file(path)
            return
        if self.world.gone:
            self.close_connection = True
            return
        name, _, rest = path.removeprefix("/api/v1/").partition("/")
        if name != "session" and not self._may_look():
            self._json({"error": "log in first"}, 401)
            return
        answer = getattr(self, f"_{name}", None)
        if answer is None:
            self._json({"error": "there is no such thing"}, 404)
        else:
            answer(rest, parse_qs(url.query))

    def _may_look(self) -> bool:
        return not self.world.token or f"token={self.world.token}" in (self.headers["cookie"] or "")

    def do_POST(self) -> None:
        if self.path.startswith("/api/v1/streams/"):
            self._change(*self.path.split("/")[-2:])
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        right = body.get("token") == self.world.token
        cookie = {"set-cookie": f"token={self.world.token}; HttpOnly; SameSite=Strict"} if right else {}
        self._send(
            204 if right else 401, b"" if right else b'{"error": "this is not the token"}', "application/json", cookie
        )

    def _change(self, stream: str, change: str) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if not self.world.controls:
            self._json({"error": "this token may only look"}, 403)
            return
        self.world.streams[unquote(stream)].state = "paused" if change == "pause" else "running"
        self._send(204, b"", "application/json")

    # ---- the answers

    def _session(self, rest: str, query: dict[str, list[str]]) -> None:
        """Tell it to everybody, as the real one does, and whether they may look at the rest."""
        said = {"log": "/data/log", "version": "0.1.0", "now_us": now_us(), "log_error": self.world.log_error}
        said["read_only"] = not self.world.controls
        said["passed_over"] = self.world.passed_over
        said["full"] = self.world.full
        said["index"] = {"events": 1, "catching_up": self.world.catching_up, "error": self.world.index_error}
        self._json(said | {"authenticated": self._may_look()})

    def _streams(self, rest: str, query: dict[str, list[str]]) -> None:
        self._json(self._all(query))

    def _all(self, query: dict[str, list[str]]) -> dict[str, Any]:
        streams = [one.status() for one in self.world.streams.values() if one.name in query.get("stream", [one.name])]
        return {"streams": streams, "now_us": now_us()}

    def _labels(self, rest: str, query: dict[str, list[str]]) -> None:
        labels = sorted({stream.label for stream in self.world.streams.values()})
        self._json(
            {"labels": labels, "streams": sorted(self.world.streams), "lanes": ["main"], "outcomes": ["detected"]}
        )

    def _events(self, rest: str, query: dict[str, list[str]]) -> None:
        if rest:
            stream, _, seq, _ = rest.split("/")
            self._json(self.world.streams[stream].event(int(seq)))
            return
        found = self.world.events(query)
        at, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["50"])[0])
        more = str(at + limit) if len(found) > at + limit else None
        self._json({"events": found[at : at + limit], "next_cursor": more})

    def _frames(self, rest: str, query: dict[str, list[str]]) -> None:
        seq = int(rest.rsplit("/", 1)[1])
        if seq % 2:
            self._json({"error": "retention took this frame; only its event is left"}, 410)
        else:
            self._send(200, picture(seq), "image/jpeg")

    def _latest(self, rest: str, query: dict[str, list[str]]) -> None:
        self.world.asked.append(rest)
        stream, deadline = self.world.streams[rest], time.monotonic() + float(query["wait_s"][0])
        after = int(query["after"][0].split("/")[2]) if "after" in query else -1
        while (seq := stream.seq) <= after:
            if time.monotonic() >= deadline:
                self._send(204, b"", "image/jpeg")
                return
            time.sleep(0.01)
        self._send(200, picture(seq), "image/jpeg", {"x-framehop-event": quote(json.dumps(stream.event(seq)))})

    def _lag(self, rest: str, query: dict[str, list[str]]) -> None:
        part = {
            "topic": "frames",
            "partition": 0,
            "end": 900,
            "committed": 897,
            "messages": 3,
            "seconds": 0.3,
            "owner": "member-a",
        }
        self._json({"partitions": [part], "error": ""})

    def _system(self, rest: str, query: dict[str, list[str]]) -> None:
        total = sum(stream.seq for stream in self.world.streams.values())
        figures = {
            "frames_per_s_in": 20.0 + total % 7,
            "frames_per_s_out": 20.0,
            "lag_messages": 3,
            "lag_seconds": 0.3,
            "outcomes": {"detected": total, "failed": 1, "skipped": 2},
            "reasons": [{"outcome": "skipped", "reason": "too-old", "count": 2}],
            "stages_ms": {"decode": {"p50": 0.7, "p90": 0.9, "p99": 1.2, "count": 900}},
            "batch_sizes": {"1": 880, "2": 10},
            "gaps": [
                {
                    "topic": "frames",
                    "partition": 0,
                    "first_offset": 3,
                    "last_offset": 9,
                    "reason": "retention",
                    "stream": "gate-1",
                }
            ],
        }
        self._json({"pipelines": [PIPELINE], "figures": figures, "now_us": now_us()})

    def _live(self, rest: str, query: dict[str, list[str]]) -> None:
        if self.world.full:
            self._json({"error": "128 pages are open already: close one of them"}, 503)
            return
        self._head(200, "text/event-stream", {"connection": "close"})
        self.close_connection = True
        news, told = StreamNews(self._look), 0
        try:
            while not self.world.gone:
                news.look_again()
                told, data = news.since(told, query.get("stream", []))
                self.wfile.write(b"event: streams\ndata: %b\n\n" % data)
                if query.get("events") != ["0"]:
                    self._tell_events(query)
                self.wfile.flush()
                time.sleep(1)
        except OSError:
            return  # the page has gone

    def _look(self) -> tuple[int, dict[str, Any]]:
        return now_us(), {stream.name: stream.status() for stream in self.world.streams.values()}

    def _tell_events(self, query: dict[str, list[str]]) -> None:
        names = query.get("stream", list(self.world.streams)[:20])
        events = [
            self.world.streams[name].event(self.world.streams[name].seq) for name in names if name in self.world.streams
        ]
        self.wfile.write(f"event: events\ndata: {json.dumps({'events': events})}\n\n".encode())

    # ---- sending

    def _file(self, path: str) -> None:
        file = STATIC / (path.removeprefix("/static/") if path != "/" else "index.html")
        if file.parent != STATIC or not file.is_file():
            self._json({"error": "there is no such file"}, 404)
            return
        self._send(200, file.read_bytes(), KINDS[file.suffix], {"content-security-policy": POLICY})

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        try:
            self._head(status, kind, {"content-length": str(len(body))} | (headers or {}))
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _head(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"content-type": kind} | headers).items():
            self.send_header(name, value)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: browsers break connections off."""


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve the page over a made-up world. Yields the address."""
    handler = type("Handler", (_Handler,), {"world": world})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        world.gone = True
        server.shutdown()
        thread.join()
        server.server_close()
