"""Films behind an address that cannot be read: they fail, and are not tried for ever as a camera is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from framehop import _core
from framehop.errors import SourceAwayError, SourceError
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog
from framehop.sources.live.live_video import LiveVideo
from tests.cameras import answering, file_server, tcp_server
from tests.clips import remuxed, write_film
from tests.system.cameras.following import SECOND, camera, check_epochs, epochs, frames

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

Spoil = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_film(tmp_path_factory.mktemp("films") / "clip.mp4", 40, params=SECOND).read_bytes()


def bad_sets(data: bytes) -> bytes:
    """Spoil the parameter sets in the file's header."""
    at = data.index(b"avcC") + 9
    return data[:at] + b"\xff" * 15 + data[at + 15 :]


def unknown_codec(data: bytes) -> bytes:
    at = data.index(b"avc1", data.index(b"stsd"))
    return data[:at] + b"xyz1" + data[at + 4 :]


def without_index(data: bytes) -> bytes:
    """Cut a file whose index lies behind its pictures."""
    return data[: len(data) // 2]


SPOILS: dict[Spoil, str] = {bad_sets: "cannot be read", unknown_codec: "no decoder", without_index: "cannot be opened"}


def fail(source: LiveVideo) -> SourceError:
    with pytest.raises(SourceError) as failure:
        list(source.follow(lambda: False))
    return failure.value


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_film_that_fails_twice_in_the_same_way_has_failed(tmp_path: Path, whole: bytes, spoil: Spoil) -> None:
    (tmp_path / "clip.mp4").write_bytes(spoil(whole))
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/clip.mp4")
        first, second = fail(source), fail(source)
    assert isinstance(first, SourceAwayError), "it may have been the network"
    assert not isinstance(second, SourceAwayError)
    assert SPOILS[spoil] in str(second)
    assert "/clip.mp4" in str(second)


def test_a_film_that_ends_before_its_first_picture_has_failed(tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.mkv", 40).read_bytes()
    (tmp_path / "clip.mkv").write_bytes(film[: film.index(b"\x1fC\xb6u")])
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/clip.mkv")
        first, second = fail(source), fail(source)
    assert isinstance(first, SourceAwayError), "it may have been the network"
    assert not isinstance(second, SourceAwayError)
    assert "is a film that cannot be opened: End of file" in str(second)


def test_a_film_that_is_mended_in_between_is_read(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(without_index(whole))
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/clip.mp4")
        fail(source)
        (tmp_path / "clip.mp4").write_bytes(whole)
        assert len(list(source.follow(lambda: False))) == 40


def test_an_ingest_of_a_film_that_cannot_be_read_ends_and_names_it(log: FrameLog, tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(bad_sets(whole))
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mp4")], rate="max")
    assert f"127.0.0.1:{port}/clip.mp4" in summary.errors["cam"]
    assert frames(log) == []


def page(connection: socket.socket) -> None:
    """Answer as a camera does whose own system still starts."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 30\r\n\r\n<html>please come back</html>\r\n")


def stream_of_nothing(connection: socket.socket) -> None:
    """Answer as a camera does that has no picture yet."""
    answering("video/mp4", [b"\0\0\0\x20ftypisom" + bytes(20)])(connection)


@pytest.mark.parametrize("serve", [page, stream_of_nothing])
def test_a_camera_is_tried_again_however_often_it_fails(serve: Callable[[socket.socket], None]) -> None:
    with tcp_server(serve) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        assert all(isinstance(fail(source), SourceAwayError) for _ in range(3))


def test_a_transport_stream_of_known_length_ends_with_its_end(log: FrameLog, tmp_path: Path) -> None:
    """It does not tell how long it lasts, and must not be played again and again."""
    remuxed(write_film(tmp_path / "clip.mp4", 40, params=SECOND), tmp_path / "clip.ts")
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.ts")], rate="max")
    assert (summary.streams["cam"].finished, summary.streams["cam"].frames) == (True, 40)
    check_epochs(epochs(log))


@pytest.mark.parametrize("length", [2**31 - 1, 2**32 - 1, 99_999_999_999])
def test_a_camera_that_claims_a_length_is_no_film(tmp_path: Path, length: int) -> None:
    film = remuxed(write_film(tmp_path / "clip.mp4", 40, params=SECOND), tmp_path / "clip.ts").read_bytes()

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + film)

    with tcp_server(serve) as port:
        assert isinstance(fail(camera(f"http://127.0.0.1:{port}/video")), SourceAwayError)
