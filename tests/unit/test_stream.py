"""framehop.stream: pictures of one's own, put into a log from this process."""

from __future__ import annotations

import math
import os
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import assert_type

import numpy as np
import pytest

import framehop
from framehop.errors import (
    BackPressureError,
    ClosedError,
    ConfigError,
    CorruptPictureError,
    InvalidArgumentError,
    PictureTooLargeError,
    ProcessError,
    StreamBusyError,
)
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.push import Pusher
from framehop.pipeline.stream import PushedStream
from framehop.types import FrameKey, FrameMeta

WAIT_S = 30.0
JPEG = framehop.encode_jpeg(np.full((24, 32, 3), 90, np.uint8))
WHEN = datetime(2026, 11, 29, 12, 0, tzinfo=timezone(timedelta(hours=2)))
WHEN_US = 1_795_946_400_000_000


def metas(log: Path) -> list[FrameMeta]:
    with framehop.open_log(log, create=False) as opened:
        return list(opened.scan_frames())


def test_pictures_are_in_the_log_with_their_keys_and_times(tmp_path: Path) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        assert_type(gate, PushedStream)
        keys = [assert_type(gate.push(JPEG), FrameKey), gate.push(np.zeros((24, 32, 3), np.uint8), captured_at=WHEN)]
        assert gate.try_push(bytearray(JPEG), captured_at=WHEN_US + 1)
        assert gate.flush(WAIT_S)
        assert gate.stalled == ""
    found = metas(tmp_path / "log")
    assert [meta.key for meta in found[:2]] == keys
    assert [meta.key.seq for meta in found] == [0, 1, 2]
    assert [meta.clock for meta in found] == ["ingest", "camera", "camera"]
    assert [meta.captured_us for meta in found[1:]] == [WHEN_US, WHEN_US + 1]


def test_each_opening_begins_an_epoch(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with framehop.stream("gate-1", log=tmp_path / "log") as gate:
            keys.append(gate.push(JPEG))
    assert keys[0].epoch < keys[1].epoch
    assert [key.seq for key in keys] == [0, 0]


def test_a_stream_has_one_writer_until_it_is_closed(tmp_path: Path) -> None:
    gate = framehop.stream("gate-1", log=tmp_path / "log")
    with pytest.raises(StreamBusyError, match="gate-1"):
        framehop.stream("gate-1", log=tmp_path / "log")
    gate.close()
    gate.close()
    framehop.stream("gate-1", log=tmp_path / "log").close()
    for use in (lambda: gate.push(JPEG), lambda: gate.try_push(JPEG)):
        with pytest.raises(ClosedError, match="open it again"):
            use()


def test_many_threads_may_push(tmp_path: Path) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        keys: list[FrameKey] = []
        threads = [
            threading.Thread(target=lambda: keys.extend(gate.push(JPEG, timeout_s=WAIT_S) for _ in range(20)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert gate.flush(WAIT_S)
    assert sorted(key.seq for key in keys) == list(range(80))
    assert [meta.key.seq for meta in metas(tmp_path / "log")] == list(range(80))


def test_a_log_that_is_behind_refuses_and_loses_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.log.embedded.writer.WRITER_CLOSE_S", 0.1)  # what it waits for will not come
    options = LogOptions(queue_bytes=1, reserve_bytes=1 << 62)  # it never has room on its disk
    with framehop.stream("gate-1", log=tmp_path / "log", log_options=options) as gate:
        assert gate.try_push(JPEG), "an empty queue takes one"
        assert not gate.try_push(JPEG)
        with pytest.raises(BackPressureError, match=r"gate-1 within 0\.01 s"):
            gate.push(JPEG, timeout_s=0.01)
        assert not gate.flush(0.01)


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (b"no picture", CorruptPictureError),
        ("picture.jpg", InvalidArgumentError),
        (np.zeros((24, 32), np.uint8), InvalidArgumentError),
        (np.zeros((24, 32, 3), np.uint16), InvalidArgumentError),
        (np.broadcast_to(np.uint8(7), (9000, 9000, 3)), PictureTooLargeError),  # 243 MB, were it copied
        (7, InvalidArgumentError),  # bytes(7) are seven
        (-1, InvalidArgumentError),
        ([255, 216, 255], InvalidArgumentError),
    ],
)
def test_a_bad_picture_is_refused(tmp_path: Path, picture: object, error: type[Exception]) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        with pytest.raises(error):
            gate.push(picture)  # type: ignore[arg-type]
        assert gate.push(JPEG).seq == 0


def test_the_bytes_of_a_jpeg_are_not_copied(tmp_path: Path) -> None:
    pusher = Pusher(LogAt.of(tmp_path / "log", None))
    payload, width, height = pusher._encoded(JPEG)
    assert payload is JPEG
    assert (width, height) == (0, 0)
    assert pusher._encoded(bytearray(JPEG))[0] == JPEG


@pytest.mark.parametrize("when", [WHEN.replace(tzinfo=None), 1 << 62, -(1 << 62), 1.5, "now", date(2026, 11, 30), []])
def test_a_time_that_is_none_is_refused(tmp_path: Path, when: object) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate, pytest.raises(InvalidArgumentError, match="time"):
        gate.push(JPEG, captured_at=when)  # type: ignore[arg-type]


def test_a_time_may_be_an_integer_of_numpy(tmp_path: Path) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        gate.push(JPEG, captured_at=np.int64(WHEN_US))  # type: ignore[arg-type]
        assert gate.flush(WAIT_S)
    assert [meta.captured_us for meta in metas(tmp_path / "log")] == [WHEN_US]


def test_a_push_may_wait_for_ever(tmp_path: Path) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        gate.push(JPEG, timeout_s=math.inf)
        assert gate.flush(math.inf)


def test_names_and_options_are_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="not allowed"):
        framehop.stream("gate/1", log=tmp_path / "log")
    with pytest.raises(ConfigError, match="KafkaOptions"):
        framehop.stream("gate-1", log=tmp_path / "log", log_options=KafkaOptions())


def test_now_is_the_default_time(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        gate.push(JPEG)
    [meta] = metas(tmp_path / "log")
    assert before.timestamp() * 1e6 - 1 <= meta.captured_us <= datetime.now(UTC).timestamp() * 1e6


def test_a_forked_child_is_told(tmp_path: Path) -> None:
    with framehop.stream("gate-1", log=tmp_path / "log") as gate:
        child = os.fork()
        if child == 0:
            try:
                gate.push(JPEG)
            except ProcessError:
                gate.close()
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert gate.push(JPEG).seq == 0
