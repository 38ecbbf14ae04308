"""Tests of cameras' addresses: what is understood, and that no password is shown."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import quote

import hypothesis
import hypothesis.strategies as st
import pytest

from framehop.config.filled import expand_filled
from framehop.errors import ConfigError, SourceAwayError, SourceError
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.sources import SourceSpec, expand, open_specs
from framehop.sources.address import Address, is_address, without_secrets


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("rtsp://cam/stream", "rtsp://cam/stream", "cam-stream"),
        ("rtsp://ann:s3cret@10.0.0.5:554/ch/101", "rtsp://ann@10.0.0.5:554/ch/101", "10.0.0.5-ch-101"),
        ("rtsps://ann@cam/a", "rtsps://ann@cam/a", "cam-a"),
        (
            "rtsp://cam/cam/realmonitor?channel=1&subtype=0",
            "rtsp://cam/cam/realmonitor?channel=1&subtype=0",
            "cam-cam-realmonitor-channel-1-subtype-0",
        ),
        ("http://cam/v?token=s3cret&q=2", "http://cam/v?token=***&q=2", "cam-v-token-q-2"),
        ("rtsp://cam/user=admin&password=s3cret&channel=1", None, None),
        ("rtmp://host/live/key", "rtmp://host/live/key", "host-live-key"),
        ("rtsp://[::1]:8554/x", "rtsp://[::1]:8554/x", "1-x"),
        ("/dev/video0", "/dev/video0", "video0"),
        ("HTTP://Cam/x", "http://Cam/x", "cam-x"),
    ],
)
def test_an_address_is_shown_and_named_without_its_secrets(text: str, shown: str | None, name: str | None) -> None:
    assert is_address(text)
    address = Address.parse(text)
    assert shown in {None, address.shown}
    assert name in {None, address.name}
    assert "s3cret" not in address.shown + address.name + repr(address) + SourceSpec(source=text).shown
    assert ("s3cret" in text) == ("s3cret" in address.url)


@pytest.mark.parametrize("text", ["clip.mp4", "pan:a.jpg", "ftp://host/x", "testsrc", "/dev/video", "rtsp", "C://x"])
def test_what_is_no_address_is_left_to_others(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://ann:s3#cret@cam/x",
        "rtsp://ann:s3/cret@cam/x",
        "rtsp://ann:s3?cret@cam/x",
        "rtsp:///x",
        "rtsp://cam:port/x",
        "rtsp://cam:99999/x",
        "rtsp://[cam/x",
        "rtsp://cam/\nx",
        "rtsp://cam/a b",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SourceError, match="no address of a camera") as caught:
        Address.parse(text)
    assert not {"s3", "cret", "ann"} & set(str(caught.value).replace("/", " ").split())
    assert "s3cret" not in str(caught.value)


@hypothesis.given(st.text(min_size=1), st.text(min_size=1))
def test_any_password_goes_to_ffmpeg_and_nowhere_else(user: str, password: str) -> None:
    quoted = f"{quote(user, safe='')}:{quote(password, safe='')}"
    address = Address.parse(f"rtsp://{quoted}@cam:554/x?transport=udp")
    assert address.url == f"rtsp://{quoted}@cam:554/x"
    assert address.shown == f"rtsp://{quote(user, safe='')}@cam:554/x"
    assert without_secrets(address.url) == address.shown


@hypothesis.given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for address in (f"rtsp://{text}", f"http://ann:p@{text}"):
        with contextlib.suppress(SourceError):
            assert "ann:p" not in Address.parse(address).shown


def test_the_transport_is_taken_out_of_the_address() -> None:
    address = Address.parse("rtsp://cam/x?a=1&transport=udp&b=2")
    assert (address.url, address.transport) == ("rtsp://cam/x?a=1&b=2", "udp")
    assert Address.parse("http://cam/x?transport=udp").url == "http://cam/x?transport=udp"
    with pytest.raises(SourceError, match="transport=tcp or transport=udp"):
        Address.parse("rtsp://cam/x?transport=pigeon")


def test_secrets_are_taken_out_of_any_text() -> None:
    text = "cannot open 'rtsp://ann:p@ss@cam/x' and http://h/?password=abc&x=1; see https://h/a"
    assert without_secrets(text) == "cannot open 'rtsp://ann@cam/x' and http://h/?password=***&x=1; see https://h/a"


@pytest.mark.parametrize("password", ["pa'ss", 'pa"ss', "p@'a"])
def test_a_quote_does_not_end_the_password_of_an_address(password: str) -> None:
    assert without_secrets(f"rtsp://ann:{password}@cam/x") == "rtsp://ann@cam/x"


@pytest.mark.parametrize("text", ["{}", "source '{}' cannot be read"])
def test_a_user_that_is_a_reference_is_shown_whole(text: str) -> None:
    for password in ("{env:CAM_PASSWORD}", "s3cret", "s3}cret"):
        address = text.format(f"rtsp://{{env:CAM_USER}}:{password}@cam/x")
        assert without_secrets(address) == text.format("rtsp://{env:CAM_USER}@cam/x")


def test_a_source_is_shown_without_its_password() -> None:
    assert repr(SourceSpec(source="rtsp://ann:s3cret@cam/x")) == "SourceSpec(source='rtsp://ann@cam/x', stream='')"


def test_what_looks_like_a_pattern_is_refused_without_its_password() -> None:
    with pytest.raises(SourceError, match=r"nothing fits .rtps://ann@cam/x\?channel=1"):
        expand(["rtps://ann:s3cret@cam/x?channel=1"])


def test_user_and_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_USER", "ann")
    monkeypatch.setenv("CAM_PASSWORD", "p@ss/w")
    [spec] = expand_filled(["gate=rtsp://{env:CAM_USER}:{env:CAM_PASSWORD}@cam/x?y={env:HOME}"])
    assert spec == SourceSpec(source="rtsp://ann:p%40ss%2Fw@cam/x?y={env:HOME}", stream="gate")
    with pytest.raises(ConfigError, match="the environment has no NO_SUCH"):
        expand_filled(["rtsp://{env:NO_SUCH}@cam/x"])


def test_a_camera_that_is_not_there_can_be_opened_and_is_followed_later() -> None:
    opened = open_specs(expand(["gate=rtsp://ann:s3cret@127.0.0.1:1/x", "/dev/video4000"]))
    assert opened.failures == {}
    assert [(source.stream, source.uri, source.finite) for source in opened.sources] == [
        ("gate", "rtsp://ann@127.0.0.1:1/x", False),
        ("video4000", "/dev/video4000", False),
    ]
    for source in opened.sources:
        with pytest.raises(SourceAwayError, match=rf"cannot connect to {source.uri}|{source.uri} is not there"):
            next(source.pictures())


def test_a_pipelines_state_shows_no_password() -> None:
    roster = Roster()
    roster.add(SourceOrder(stream="cam", source="rtsp://ann:s3cret@cam/x", rate="realtime", loop=1, since_us=1))
    assert roster.statuses()["cam"].source == "rtsp://ann@cam/x"
    with pytest.raises(ValueError, match="rtsp://ann@cam/x already"):
        roster.add(SourceOrder(stream="cam", source="rtsp://cam/y", rate="realtime", loop=1, since_us=2))


def test_a_list_file_gives_its_sources(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    listed = tmp_path / "site.streams"
    listed.write_text("# the yard\n\ngate=rtsp://ann:s3cret@cam/1?channel=1\n  rtsp://cam/2  \nclip.mp4\n")
    expected = [("gate", "rtsp://ann:s3cret@cam/1?channel=1"), ("cam-2", "rtsp://cam/2")]
    assert [(spec.stream, spec.source) for spec in expand([str(listed)])] == [
        *expected,
        ("clip", str(tmp_path / "clip.mp4")),
    ]
    assert [spec.stream for spec in expand([f"north=list:{listed}"])] == ["north-gate", "north-cam-2", "north-clip"]


def test_a_pipe_is_no_list_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="is not a regular file"):
        expand([f"list:{tmp_path / 'pipe'}"])


def test_a_list_file_may_come_from_windows(tmp_path: Path) -> None:
    (tmp_path / "site.streams").write_bytes(b"\xef\xbb\xbfgate=rtsp://cam/1\r\nyard=rtsp://cam/2\r\n")
    assert [spec.stream for spec in expand([str(tmp_path / "site.streams")])] == ["gate", "yard"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# nothing\n", "names no source"),
        (b"\xff\xfe\x00", "is no text"),
        (b"rtsp://cam/1\nrtsp://ann:s3#cret@cam/x\n", r"line 2: rtsp://… is no address"),
        (b"list:other\n", "line 1: a list holds sources, not other lists"),
        (b"x" * (1 << 20) + b"\n", "larger than 1 MiB"),
    ],
)
def test_a_list_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    listed = tmp_path / "cameras"
    listed.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        expand([f"list:{listed}"])
    with pytest.raises(SourceError, match="cannot read the list"):
        expand(["list:/no/such/file"])


@pytest.mark.parametrize("name", ["site.streams", "a=b.streams", "x=1/site.streams"])
def test_a_list_file_that_names_itself_is_refused(tmp_path: Path, name: str) -> None:
    listed = tmp_path / name
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"{listed.name}\n")
    with pytest.raises(SourceError, match="line 1: a list holds sources, not other lists"):
        expand([str(listed)])
