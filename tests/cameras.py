"""Cameras for tests: a real RTSP server, and small HTTP and TCP servers that do what cameras do, good and bad."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from tests.waiting import until

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # GStreamer's bindings are the system's
NGINX = "/usr/sbin/nginx"
RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
BOUNDARY = "frontier"
SOUND = " audiotestsrc is-live=true ! audioconvert ! rtpL16pay name=pay1 pt=97"
GARBAGE = bytes(range(256))

Serve = Callable[[socket.socket], None]


class RtspServer:
    """GStreamer's RTSP server with clips, in a process of its own, which may be killed, started again, stopped and continued."""

    def __init__(
        self, clips: dict[str, Path], *, credentials: str = "", certificate: Path | None = None, sound: bool = False
    ) -> None:
        """`clips`: by path, as /cam; others may be put there before another start. `credentials`: USER:PASSWORD, which it then asks
        for. `certificate`: with its key, for TLS, which needs credentials. `sound`: each sends sound, too."""
        self.clips = dict(clips)
        self._certificate = certificate
        self._sound = SOUND if sound else ""
        self._credentials = credentials
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, again on its port if it had one."""
        mounts = [f"{path}={_pipeline(clip)}{self._sound}" for path, clip in self.clips.items()]
        command = [
            SYSTEM_PYTHON,
            "-I",
            str(SERVER),
            str(self.port),
            self._credentials,
            str(self._certificate or ""),
            *mounts,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the RTSP server has not started; is gir1.2-gst-rtsp-server-1.0 installed?"
        self.port = int(line)

    def url(self, path: str, user: str = "") -> str:
        return f"rtsp{'s' if self._certificate else ''}://{user}{'@' if user else ''}127.0.0.1:{self.port}{path}"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()


def _pipeline(clip: Path) -> str:
    if clip.suffix == ".wav":
        return f"filesrc location={clip} ! wavparse ! audioconvert ! rtpL16pay name=pay0 pt=97"
    if clip.suffix == ".avi":
        return f"filesrc location={clip} ! avidemux ! jpegparse ! rtpjpegpay name=pay0 pt=26"
    demuxer = "tsdemux" if clip.suffix == ".ts" else "qtdemux"
    codec = "h265" if "265" in clip.name else "h264"
    return f"filesrc location={clip} ! {demuxer} ! {codec}parse config-interval=-1 ! rtp{codec[0]}{codec[1:]}pay name=pay0 pt=96"


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def tcp_server(serve: Serve) -> Iterator[int]:
    """A server on a free port, which it gives. `serve` gets each connection, in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                serve(self.request)

    with _Tcp(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def silent(connection: socket.socket) -> None:
    """Take whatever comes and answer nothing, as a camera that hangs."""
    while connection.recv(4096):
        pass


def garbage(connection: socket.socket) -> None:
    """Answer with what is no protocol at all."""
    connection.recv(4096)
    connection.sendall(GARBAGE * 64)


def through(port: int, spoilt: threading.Event) -> Serve:
    """Return what passes on all that the camera at `port` sends, and garbage in its place while `spoilt` is set."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as camera:
            threading.Thread(target=_pass_on, args=(connection, camera), daemon=True).start()
            while data := camera.recv(65536):
                connection.sendall(
                    (GARBAGE * (len(data) // len(GARBAGE) + 1))[: len(data)] if spoilt.is_set() else data
                )

    return serve


def overheard(port: int, asked: list[bytes]) -> Serve:
    """Return what passes on all that the camera at `port` sends, and notes what it is asked."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as camera:
            threading.Thread(target=_pass_on, args=(camera, connection), daemon=True).start()
            while data := connection.recv(65536):
                asked.append(data)
                camera.sendall(data)

    return serve


def up_to(port: int, most: int) -> Serve:
    """Return what passes on so many bytes of what the camera at `port` sends, and nothing more, as one that hangs."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as camera:
            threading.Thread(target=_pass_on, args=(connection, camera), daemon=True).start()
            left = most
            while data := camera.recv(65536):
                connection.sendall(data[:left])
                left -= len(data[:left])

    return serve


def _pass_on(client: socket.socket, camera: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            camera.sendall(data)
        camera.shutdown(socket.SHUT_WR)


def redirecting(protocol: str, to: str) -> Serve:
    """Return what sends every client elsewhere. `protocol`: as HTTP/1.0."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"{protocol} 302 Found\r\nCSeq: 1\r\nLocation: {to}\r\n\r\n".encode())

    return serve


def answering(kind: str, body: Iterable[bytes], *, then: Serve | None = None) -> Serve:
    """Return what answers an HTTP request with the parts of `body`, of the content type `kind`, and then does `then`."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        for part in body:
            connection.sendall(part)
        if then is not None:
            then(connection)

    return serve


def mjpeg(jpegs: Iterable[bytes], *, then: Serve | None = None) -> Serve:
    """Return what sends JPEGs as cameras do over HTTP."""
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: "
    parts = (f"{head}{len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n" for jpeg in jpegs)
    return answering(f"multipart/x-mixed-replace;boundary={BOUNDARY}", parts, then=then)


def without_tables(data: bytes) -> bytes:
    """Take the Huffman tables out, as cameras on USB do."""
    at = data.index(b"\xff\xc4")
    while data[at : at + 2] == b"\xff\xc4":
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]
    return data


def flood(jpeg: bytes, sent: threading.Event, after: int) -> Serve:
    """Return what sends a JPEG again and again, as fast as it is read and without an end; `sent` is set after so many times."""

    def pictures() -> Iterator[bytes]:
        for number in itertools.count(1):
            yield jpeg
            if number == after:
                sent.set()

    return mjpeg(pictures())


@contextlib.contextmanager
def file_server(folder: Path) -> Iterator[int]:
    """Serve the files of a folder over HTTP, with ranges unsupported, as simple servers do; gives the port."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def rtmp_server(clip: Path) -> Iterator[str]:
    """A real RTMP server, nginx's, which plays a clip at its own pace; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = clip.parent / "nginx.conf"
    config.write_text(
        f"load_module {RTMP_MODULE}; daemon off; master_process off; pid {clip.parent}/pid; events {{ }}\n"
        f"rtmp {{ server {{ listen 127.0.0.1:{port}; application cams {{ play {clip.parent}; }} }} }}\n"
    )
    command = [NGINX, "-e", "stderr", "-p", str(clip.parent), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            until(lambda: server.poll() is None and _answers(port), "that nginx listens")
            yield f"rtmp://127.0.0.1:{port}/cams/{clip.name}"
        finally:
            server.kill()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
