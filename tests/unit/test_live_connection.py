"""Silence on a connection: the camera's, and our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from types import SimpleNamespace

import pytest

from framehop.errors import SourceAwayError
from framehop.protocols import Picture, SourceFacts
from framehop.sources.address import Address
from framehop.sources.live import connection, first_key
from framehop.sources.live.camera_clock import CameraClock
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.connection import LiveConnection
from framehop.sources.live.losses import Losses
from framehop.sources.live.makers import Made, Shape, maker_for

VIDEO, SOUND = 0, 1
FILM = Address.parse("http://host/film.mp4")
GOOD, DAMAGED = Made(payload=b"x", pts=None), Made(payload=b"x", pts=None, keyframe=False, error="corrupt_picture: x")


class Scripted:
    """A maker that gives a picture for each packet."""

    codec = "h264"

    def __init__(self, pictures: list[Made]) -> None:
        self._pictures = iter(pictures)

    def make(self, _packet: object) -> Iterator[Made]:
        yield next(self._pictures)

    def rest(self) -> Iterator[Made]:
        return iter(())


def packet(stream: int) -> SimpleNamespace:
    return SimpleNamespace(
        stream_index=stream, size=1, pts=None, dts=None, is_keyframe=False, iter_sidedata=lambda: iter(())
    )


def film(streams: Iterable[int], pictures: list[Made]) -> LiveConnection:
    """Return a connection to a film with packets of these streams."""
    opened = LiveConnection.__new__(LiveConnection)
    vars(opened).update(
        _how=Connecting(
            address=FILM, codec="auto", quality=85, open_s=1.0, stall_s=1.0, name=FILM.shown, losses=Losses()
        ),
        _clock=CameraClock(),
        _came=False,
        _container=SimpleNamespace(
            demux=lambda: map(packet, streams), format=SimpleNamespace(name="mpegts"), streams=[VIDEO, SOUND]
        ),
        _video=SimpleNamespace(
            index=VIDEO, average_rate=Fraction(25), guessed_rate=None, time_base=None, frames=0, metadata={}
        ),
        _maker=Scripted(pictures),
        _base=Fraction(1, 90_000),
        is_recording=True,
        facts=SourceFacts(),
    )
    return opened


@pytest.mark.parametrize("second", [GOOD, DAMAGED])
def test_a_log_that_stands_still_is_no_silence_of_the_film(monkeypatch: pytest.MonkeyPatch, second: Made) -> None:
    """A film waits for the log without end, whether it has sound, and whether what waits is a picture."""
    now_s = [0.0]
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    taken = 0
    for _ in film([VIDEO, SOUND, VIDEO, SOUND, VIDEO], [GOOD, second, GOOD]).pictures(lambda: False):
        taken += 1
        now_s[0] += 600.0
    assert taken == 3


def test_a_log_that_stands_still_is_no_silence_of_a_camera_with_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, found = [0.0], list[Picture]()
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    camera = film([VIDEO, SOUND, VIDEO, SOUND], [GOOD, GOOD])
    camera.is_recording = False

    def slowly() -> Iterator[Picture]:
        for picture in camera.pictures(lambda: False):
            now_s[0] += 4.0
            yield picture

    with pytest.raises(SourceAwayError, match="has closed the connection"):
        found.extend(slowly())
    assert len(found) == 2


def test_the_sound_behind_the_last_picture_is_a_part_of_the_film(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network may take long to bring it."""
    now_s = [0.0]
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: now_s[0]))

    def slowly() -> Iterator[int]:
        yield VIDEO
        for _ in range(10):
            now_s[0] += 10.0
            yield SOUND

    assert len(list(film(slowly(), [GOOD]).pictures(lambda: False))) == 1


def test_a_key_frame_that_is_late_is_waited_for_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A camera may have a minute between two, and need not begin a connection with one."""
    now_s, late = [0.0], Made(payload=b"x", pts=None, keyframe=False)
    clock = SimpleNamespace(monotonic=lambda: now_s[0])
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(first_key, "time", clock)

    def slowly() -> Iterator[int]:
        while True:
            now_s[0] += 1.0
            yield VIDEO

    found = next(film(slowly(), [late] * 65 + [GOOD]).pictures(lambda: False))
    assert (found.begins, found.keyframe) == (True, True)
    assert caplog.text.count("no key frame for 10 s, with which decoding begins: waiting for one") == 1
    caplog.clear()
    camera = film(slowly(), [late] * 400)
    for _ in range(2):
        with pytest.raises(SourceAwayError, match="has sent no key frame for 120 s"):
            next(camera.pictures(lambda: False))
    assert caplog.text.count("waiting for one") == 1, "it is said of the first connection"


def seconds(now_s: list[float], count: int) -> Iterator[int]:
    """Give so many packets of a video, a second apart."""
    for _ in range(count):
        now_s[0] += 1.0
        yield VIDEO


class Nothing(Scripted):
    """A maker of what cannot be decoded."""

    def make(self, _packet: object) -> Iterator[Made]:
        return iter(())


def test_a_camera_of_which_nothing_can_be_decoded_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    camera = film(seconds(now_s, 100), [])
    vars(camera).update(_maker=Nothing([]), is_recording=False)
    with pytest.raises(SourceAwayError, match="nothing of it has been a picture for long"):
        list(camera.pictures(lambda: False))


def test_a_key_frame_is_waited_for_likewise_where_pictures_are_encoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now_s[0])
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(first_key, "time", clock)
    video = SimpleNamespace(codec_context=SimpleNamespace(codec=SimpleNamespace(canonical_name="mpeg4")))
    camera = film(seconds(now_s, 200), [])
    vars(camera).update(
        _maker=maker_for(video, "auto", name="cam", quality=85, losses=Losses()),  # type: ignore[arg-type]
        is_recording=False,
    )
    with pytest.raises(SourceAwayError, match="has sent no key frame for 120 s"):
        list(camera.pictures(lambda: False))


def test_a_film_may_change_its_size_as_often_as_it_likes() -> None:
    """A film with advertisements does so, which is read faster than it was made."""
    sizes = [Shape(width=width, height=48) for width in (64, 32) * connection.MOST_CHANGES]
    pictures = [Made(payload=b"x", pts=None, shape=size) for size in sizes]
    found = list(film([VIDEO] * len(pictures), pictures).pictures(lambda: False))
    assert [(picture.width, picture.begins) for picture in found] == [(size.width, True) for size in sizes]
