"""The bounds of the spool, and disks that are full, read-only or gone: what is dropped or lost is said and has its gap record."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop.errors import ConfigError, LogError, LogNotFoundError
from framehop.log.embedded.segments import HEADER_BYTES, record_bytes
from framehop.log.spool.allowance import Allowance
from framehop.log.spool.store import LOST_PICTURE, SpoolStore
from framehop.protocols import Ack
from framehop.testing.memory_log import MemoryLog
from framehop.types import Frame, Place
from tests.logs import TIMEOUT_S, make_frame
from tests.spools import MIB, SIZE, MemoryBehind, MemoryLink, all_acknowledged, check_log, give, opened
from tests.waiting import until


@pytest.mark.parametrize("key_every", [1, 5], ids=["pictures", "groups of pictures"])
def test_a_full_spool_drops_whole_groups_from_the_oldest(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, caplog: pytest.LogCaptureFixture, key_every: int
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with caplog.at_level(logging.WARNING), behind.writer(tmp_path / "spool", max_bytes=2 * MIB) as writer:
        state = opened(writer)
        give(writer, state, range(100), acks, key_every=key_every)
        all_acknowledged(acks, 100)
        until(lambda: writer.backlog.bytes <= 2 * MIB, "a spool within its bound")
        assert writer.backlog.frames >= 2 * MIB // SIZE // 4, "it drops far more than it has to"
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
        until(lambda: bool(log.gaps()), "a gap record")
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    assert "the spool drops its oldest frames, as it is full" in caplog.text
    found = [meta.key.seq for meta in log.scan_frames()]
    first = min(found)
    assert first > 0
    assert first % key_every == 0, "a group lost its key frame"
    assert found == list(range(first, 100))
    dropped = [(gap.reason, gap.stream, gap.epoch, gap.first_seq, gap.last_seq) for gap in log.gaps()]
    assert dropped == [("spool-full", "cam", state.epoch, 0, first - 1)]
    assert all(gap.first_offset > gap.last_offset for gap in log.gaps()), "a gap of seqs takes no offsets"


def test_frames_that_wait_for_too_long_are_dropped(behind: MemoryBehind, log: MemoryLog, tmp_path: Path) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool", max_age_s=0.2) as writer:
        state = opened(writer)
        give(writer, state, range(5), acks)
        until(lambda: len(acks) == 5 and writer.backlog.frames == 0, "an empty spool")
        behind.come_back()
        until(lambda: bool(log.gaps()), "a gap record")
        assert writer.flush(TIMEOUT_S)
    assert [(gap.reason, gap.first_seq, gap.last_seq) for gap in log.gaps()] == [("spool-age", 0, 4)]


def test_the_gap_of_an_epoch_that_is_over_lies_where_its_labels_say(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool", max_age_s=0.2) as writer:
        state = writer.open_stream("cam", source="test:cam", finite=False, labels={"site": "b"})
        give(writer, state, range(5), acks)
        until(lambda: len(acks) == 5 and writer.backlog.frames == 0, "an empty spool")
        writer.next_pass("cam")
        behind.come_back()
        until(lambda: bool(log.gaps()), "a gap record")
    assert [(gap.epoch, gap.first_seq, gap.last_seq) for gap in log.gaps()] == [(state.epoch, 0, 4)]
    assert all(asked == ("cam", {"site": "b"}) for asked in behind.labels), behind.labels


@pytest.fixture(params=[LogNotFoundError, ConfigError], ids=["no topic", "no name"])
def none_for_bad(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has no place for the stream `bad`."""
    place = MemoryLink.place

    def refuse(link: MemoryLink, stream: str, labels: Mapping[str, str]) -> Place:
        if stream == "bad":
            raise request.param("of the test")
        return place(link, stream, labels)

    monkeypatch.setattr(MemoryLink, "place", refuse)


@pytest.mark.usefixtures("none_for_bad")
def test_the_gap_of_a_stream_that_the_log_has_no_place_for_holds_up_no_other(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool", max_age_s=0.2) as writer:
        for state in (opened(writer, "bad"), opened(writer)):
            give(writer, state, range(5), acks)
        until(lambda: len(acks) == 10 and writer.backlog.frames == 0, "an empty spool")
        behind.come_back()
        until(lambda: bool(log.gaps()), "the gap record of the other")
    assert [(gap.stream, gap.first_seq, gap.last_seq) for gap in log.gaps()] == [("cam", 0, 4)]


@pytest.mark.usefixtures("none_for_bad")
def test_a_stream_that_the_log_has_no_place_for_holds_up_no_other(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        bad, good = opened(writer, "bad"), opened(writer)
        for state in (bad, good):
            give(writer, state, range(5), acks)
        all_acknowledged(acks, 10)
        behind.come_back()
        until(lambda: writer.backlog.frames == 5, "that the other is in the log")
    check_log(log, good, list(range(5)))


def test_each_reason_why_the_log_has_no_place_for_a_stream_is_said_once_and_again_much_later(
    behind: MemoryBehind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("framehop.log.spool.drain.AFTER_ERROR_S", 0.0)
    tries: list[str] = []

    def refuse(link: MemoryLink, stream: str, labels: Mapping[str, str]) -> Place:
        tries.append(stream)
        raise LogNotFoundError("it has no topic" if len(tries) <= 20 else "its topic has no partition")

    monkeypatch.setattr(MemoryLink, "place", refuse)
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        give(writer, opened(writer), range(5), acks)
        all_acknowledged(acks, 5)
        behind.come_back()
        until(lambda: len(tries) > 40, "forty tries")
    assert caplog.text.count("waits in the spool: it has no topic") == 1
    assert caplog.text.count("waits in the spool: its topic has no partition") == 1


def test_a_spool_whose_disk_is_gone_is_said_and_accounted_for(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with caplog.at_level(logging.ERROR), behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(10), acks)
        all_acknowledged(acks, 10)
        (tmp_path / "spool" / "0" / "frames").rename(tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
        behind.come_back()
        give(writer, state, range(10, 20), acks)
        assert writer.flush(TIMEOUT_S)
    # The pictures are gone, and each frame says so.
    found = list(log.scan_frames())
    assert [meta.key.seq for meta in found] == list(range(20))
    assert ["lost_data" in meta.error for meta in found][:10] == [True] * 10


def test_a_spool_that_takes_no_more_is_said_and_still_drains(
    behind: MemoryBehind,
    log: MemoryLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its disk has become read-only, say: what is on it goes into the log, what is in memory too, and in order."""
    behind.leave()
    acks: list[Ack] = []

    def refuse(*_: object) -> bool:
        raise LogError("of the test")

    with caplog.at_level(logging.ERROR), behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(30), acks)
        all_acknowledged(acks, 30)
        monkeypatch.setattr("framehop.log.embedded.writer.EmbeddedWriter.spool", refuse)
        assert not writer.append(make_frame(state, 30), timeout_s=0.01)
        behind.come_back()
        give(writer, state, range(30, 60), acks)
        assert writer.flush(TIMEOUT_S)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    assert caplog.text.count("the spool takes no more frames: of the test") == 1
    check_log(log, state, list(range(60)))
    assert log.gaps() == []


@pytest.mark.parametrize(("module", "step"), [("drain", "read"), ("keeper", "too_much")])
def test_a_fault_of_our_own_ends_neither_thread(
    behind: MemoryBehind,
    log: MemoryLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    module: str,
    step: str,
) -> None:
    monkeypatch.setattr(f"framehop.log.spool.{module}.AFTER_ERROR_S", 0.01)
    works, faults = getattr(SpoolStore, step), [RuntimeError("of the test")]

    def faulty(store: SpoolStore, *args: object) -> object:
        if faults:
            raise faults.pop()
        return works(store, *args)

    monkeypatch.setattr(SpoolStore, step, faulty)
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool", max_bytes=2 * MIB) as writer:
        state = opened(writer)
        give(writer, state, range(100), acks)
        all_acknowledged(acks, 100)
        until(lambda: writer.backlog.bytes <= 2 * MIB, "a spool within its bound")
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    assert caplog.text.count("by a fault of framehop") == 1
    found = [meta.key.seq for meta in log.scan_frames()]
    assert found == list(range(min(found), 100))


def test_a_spool_that_cannot_be_read_leaves_a_gap(
    behind: MemoryBehind,
    log: MemoryLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    behind.leave()
    acks: list[Ack] = []

    def broken(*_: object) -> Iterator[Frame]:
        raise LogError("of the test")

    with caplog.at_level(logging.ERROR), behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(30), acks)
        all_acknowledged(acks, 30)
        monkeypatch.setattr(SpoolStore, "read", broken)
        behind.come_back()
        until(lambda: bool(log.gaps()), "a gap record")
        give(writer, state, range(30, 40), acks)
        assert writer.flush(TIMEOUT_S)
    with behind.writer(tmp_path / "spool") as writer:
        assert writer.backlog.frames == 0, "what was given up does not come later, behind the rest"
    assert (tmp_path / "spool" / "lost-0").is_dir()
    assert "30 frames that were only there are lost: of the test" in caplog.text
    assert [(gap.reason, gap.first_seq, gap.last_seq) for gap in log.gaps()] == [("spool-lost", 0, 29)]
    check_log(log, state, list(range(30, 40)))


def test_a_picture_that_the_disk_of_the_spool_does_not_give_is_lost_and_no_other(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_whole, third = os.pread, HEADER_BYTES + 2 * record_bytes(SIZE)

    def failing(fd: int, size: int, position: int) -> bytes:
        if position == third:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_whole(fd, size, position)

    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(10), acks)
        all_acknowledged(acks, 10)
        monkeypatch.setattr(os, "pread", failing)
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
    assert log.gaps() == []
    check_log(log, state, list(range(10)))
    assert [meta.key.seq for meta in log.scan_frames() if meta.error == LOST_PICTURE] == [2]


def test_a_spool_drains_no_faster_than_it_may(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second gives half a second's worth: that much may go at once after a pause."""
    now_s = [0.0]
    monkeypatch.setattr("framehop.log.spool.allowance.time", SimpleNamespace(monotonic=lambda: now_s[0]))
    acks: list[Ack] = []
    behind.leave()
    with behind.writer(tmp_path / "spool", drain_bytes_per_s=20 * SIZE) as writer:
        state = opened(writer)
        give(writer, state, range(30), acks)
        all_acknowledged(acks, 30)
        behind.come_back()
        until(lambda: bool(behind.labels), "that it has found where they belong")
        for rounds in range(3):
            assert len(behind.sent) == 10 * rounds
            now_s[0] += 1.0
            until(lambda: len(behind.sent) >= 10 * (rounds + 1), "the frames of half a second")  # noqa: B023
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    check_log(log, state, list(range(30)))


def test_an_allowance_lets_a_frame_pass_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("framehop.log.spool.allowance.time.monotonic", lambda: now[0])
    allowance = Allowance(1000)
    assert not allowance.take(10)
    now[0] += 0.1
    assert allowance.take(500), "more than there is: one frame passes"
    assert not allowance.take(1)
    now[0] += 0.45
    assert allowance.take(1)
    assert Allowance(None).take(1 << 40)
