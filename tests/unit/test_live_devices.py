"""A camera on this machine: what FFmpeg is asked for, and what is said of a device that is not there, is busy, or is no camera."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import pytest

from framehop.errors import SourceAwayError, SourceError
from framehop.sources.address import Address
from framehop.sources.container import InputContainer
from framehop.sources.live import connecting
from framehop.sources.live.connecting import Connecting, opened
from framehop.sources.live.losses import Losses


def device(path: Path | str) -> Connecting:
    address = Address(url=str(path), shown="/dev/video0", kind="device")
    return Connecting(
        address=address, codec="auto", quality=85, open_s=20.0, stall_s=3.0, name=address.shown, losses=Losses()
    )


def why(path: Path | str) -> SourceError:
    with pytest.raises(SourceError) as failure:
        opened(device(path))
    return failure.value


def test_what_is_no_camera_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no device")
    for path in (tmp_path / "file", tmp_path, Path("/dev/null")):
        error = why(path)
        assert str(error).startswith("/dev/video0 is no camera")
        assert isinstance(error, SourceAwayError), "another one may be plugged in under this number"


def test_one_that_is_not_there_is_said_and_tried_again(tmp_path: Path) -> None:
    error = why(tmp_path / "video0")
    assert str(error).startswith("/dev/video0 is not there: plug the camera in")
    assert isinstance(error, SourceAwayError)


@pytest.mark.parametrize(
    ("number", "said", "again"),
    [
        (errno.EBUSY, "is in use by another program", True),
        (errno.EACCES, "may not be opened: add the user to the group `video`", False),
        (errno.EPERM, "may not be opened", False),
        (errno.ENODEV, "is no camera", True),
        (errno.EIO, "cannot be read", True),
    ],
)
def test_what_the_kernel_says_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str, again: bool
) -> None:
    def refuse(*_args: object, **_options: object) -> InputContainer:
        av.error.err_check(-number)
        raise AssertionError

    monkeypatch.setattr(connecting, "open_address", refuse)
    error = why("/dev/video0")
    assert str(error).startswith("/dev/video0 ")
    assert said in str(error)
    assert isinstance(error, SourceAwayError) == again


def test_it_is_asked_for_jpegs_and_then_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object, object]] = []
    times: list[tuple[float, float]] = []

    def refuse(url: str, *, format_name: str, options: dict[str, str], open_s: float, read_s: float) -> InputContainer:
        asked.append((url, format_name, dict(options)))
        times.append((open_s, read_s))
        av.error.err_check(-errno.EINVAL)
        raise AssertionError

    monkeypatch.setattr(connecting, "open_address", refuse)
    assert "is no camera" in str(why("/dev/video7"))
    assert asked == [("/dev/video7", "v4l2", {"input_format": "mjpeg"}), ("/dev/video7", "v4l2", {})]
    assert all(0.0 < open_s <= 20.0 and read_s == 3.0 for open_s, read_s in times), "both have the time of one"
