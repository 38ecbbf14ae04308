"""Ingest's account closes: what was seen is in the log or left out with a reason, and it is kept beside the frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from framehop.account import IngestAccount, LeftOut
from framehop.errors import LogFullError
from framehop.log import open_log
from framehop.pipeline.ingest.ingest import Ingest, IngestSummary, ingest
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.protocols import Backlog, FrameLog, Picture
from framehop.sources import SourceOptions, SourceSpec
from framehop.sources.left_out import NAMES, OTHER, REASONS, Tally
from framehop.testing.memory_log import MemoryLog
from framehop.testing.memory_writer import MemoryWriter
from framehop.testing.synthetic import BrokenSource, ListSource, PictureSource
from framehop.types import StreamState
from tests.waiting import until


class _Mixed(PictureSource):
    """Every third picture has no pixels, and behind every picture something is left out."""

    def __init__(self, count: int) -> None:
        super().__init__(
            [
                Picture(payload=b"x", media_us=seq, error="" if seq % 3 else "corrupt_picture: x: cut")
                for seq in range(count)
            ],
            stream="mixed",
        )
        self._tally = Tally()

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        self._tally.clear()
        for seq, picture in enumerate(self._pictures):
            if seq >= start_seq:
                yield picture
            self._tally.add("no picture", f"{seq}.txt")


@pytest.fixture
def log() -> Iterator[FrameLog]:
    with MemoryLog() as opened:
        yield opened


def _only(log: FrameLog) -> IngestAccount:
    (account,) = log.ingest_accounts()
    return account


def _closes(summary: IngestSummary) -> bool:
    return all(
        stream.seen == stream.frames + stream.in_doubt + sum(left.count for left in stream.left_out)
        for stream in summary.streams.values()
    )


def test_what_was_seen_is_appended_or_left_out(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    summary = ingest(log, [_Mixed(7)], rate="max")
    stream = summary.streams["mixed"]
    names = tuple(f"{seq}.txt" for seq in range(NAMES))
    assert (stream.seen, stream.frames, stream.failed, stream.before) == (14, 7, 3, 0)
    assert stream.left_out == (LeftOut(reason="no picture", count=7, names=names),)
    assert _closes(summary)
    assert not summary.errors, "what is left out is said, and is no error"
    assert "stream mixed: left out: 7 no picture (0.txt, 1.txt, 2.txt, 3.txt, 4.txt …)" in caplog.text
    account = _only(log)
    assert (account.stream, account.epoch, account.ended) == ("mixed", stream.epoch, "finished")
    assert (account.before, account.appended, account.failed, account.seen) == (0, 7, 3, 14)
    assert account.left_out == stream.left_out


def test_one_that_goes_on_counts_what_it_sees_itself(tmp_path: Path) -> None:
    source = _Mixed(9)
    broken = BrokenSource([b"x"] * 9, fail_at=4, stream="mixed")
    broken.uri = source.uri
    with open_log(tmp_path) as log:
        ingest(log, [broken], rate="max")
        account = _only(log)
        assert (account.frames, account.ended) == (4, "pictures:mixed breaks at picture 4")
        stream = ingest(log, [source], rate="max").streams["mixed"]
        assert (stream.seen, stream.frames, stream.before, stream.failed) == (14, 5, 4, 1)
        account = _only(log)
        assert (account.frames, account.before, account.appended, account.ended) == (9, 4, 5, "finished")


def test_every_pass_has_an_account_of_its_own(log: FrameLog) -> None:
    summary = ingest(log, [_Mixed(4)], rate="max", loop=3)
    assert [(account.appended, account.failed, account.seen) for account in log.ingest_accounts()] == [(4, 2, 8)] * 3
    assert summary.streams["mixed"].failed == 6


def test_what_is_left_out_in_every_pass_is_said_once(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    ingest(log, [_Mixed(4)], rate="max", loop=3)
    assert caplog.text.count("left out") == 1


def test_a_stopped_one_says_so(log: FrameLog) -> None:
    stop = threading.Event()
    stop.set()
    ingest(log, [_Mixed(4)], rate="max", stop=stop)
    assert (_only(log).ended, _only(log).appended) == ("stopped", 0)


def test_one_that_is_killed_has_said_what_it_began(log: FrameLog) -> None:
    seen: list[IngestAccount] = []

    class Looks(ListSource):
        def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
            until(lambda: bool(log.ingest_accounts()), "the account of a pass that has begun")
            seen.extend(log.ingest_accounts())
            yield from super().pictures(start_seq)

    ingest(log, [Looks([b"x"])], rate="max")
    assert [(account.appended, account.ended) for account in seen] == [(0, "")]


def test_an_account_that_cannot_be_kept_stops_no_frame(
    log: FrameLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_writer: MemoryWriter, _account: IngestAccount) -> None:
        raise LogFullError("no room")

    monkeypatch.setattr(MemoryWriter, "keep_account", refuse)
    assert ingest(log, [ListSource([b"x"] * 3)], rate="max").frames == 3
    assert "is not remembered: no room" in caplog.text


def test_what_cannot_be_opened_is_told_at_once_and_is_an_error(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    roster = Roster()

    class Waits(ListSource):
        def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
            until(lambda: roster.statuses()["bad"].phase == "failed", "the other one's error")
            yield from super().pictures(start_seq)

    roster.add(_order("bad", "bad.mp4"), _order("list", "list:"))
    summary = Ingest(log, roster, at_hand={"list": Waits([b"x"])}).run()
    assert "no such file or folder: 'bad.mp4'" in summary.errors["bad"]
    assert summary.unopened == summary.errors
    assert summary.frames == 1
    assert caplog.text.count("stream bad: no such file") == 1


def _order(stream: str, source: str) -> SourceOrder:
    return SourceOrder(stream=stream, source=source, rate="max", loop=1, since_us=1)


def test_a_source_is_opened_with_the_patience_of_its_order(log: FrameLog, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SourceOptions] = []

    def opened(spec: SourceSpec, options: SourceOptions) -> ListSource:
        asked.append(options)
        return ListSource([b"x"], stream=spec.stream)

    monkeypatch.setattr(SourceSpec, "open", opened)
    roster = Roster()
    roster.add(replace(_order("cam", "rtsp://cam/1"), stall_s=2.5, codec="copy"))
    Ingest(log, roster).run()
    assert [(options.stall_s, options.codec) for options in asked] == [(2.5, "copy")]


def test_a_stream_is_opened_with_the_labels_of_its_order(log: FrameLog, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    opens = MemoryWriter.open_stream

    def opened(writer: MemoryWriter, stream: str, **how: Any) -> StreamState:
        asked.append(how["labels"])
        return opens(writer, stream, **how)

    monkeypatch.setattr(MemoryWriter, "open_stream", opened)
    roster = Roster()
    roster.add(replace(_order("cam", "testsrc:"), labels={"site": "east"}))
    Ingest(log, roster, at_hand={"cam": ListSource([b"x"], stream="cam")}).run()
    assert asked == [{"site": "east"}]


def test_an_ingest_tells_what_its_spool_holds(log: FrameLog, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Backlog(frames=2, bytes=20)
    monkeypatch.setattr(MemoryWriter, "backlog", held, raising=False)
    roster = Roster()
    roster.add(_order("cam", "testsrc:"))
    ingest = Ingest(log, roster, at_hand={"cam": ListSource([b"x"], stream="cam")})
    ingest.run()
    assert ingest.spooled == held


def test_a_source_that_fails_is_told_while_the_others_go_on(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    told = threading.Event()

    class Tells(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "breaks at picture 0" in record.getMessage():
                told.set()

    class Waits(ListSource):
        def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
            assert told.wait(30), "the other one's error came in the summary alone"
            yield from super().pictures(start_seq)

    handler = Tells()
    logging.getLogger("framehop").addHandler(handler)
    try:
        summary = ingest(log, [BrokenSource([b"x"], fail_at=0, stream="bad"), Waits([b"x"])], rate="max")
    finally:
        logging.getLogger("framehop").removeHandler(handler)
    assert set(summary.errors) == {"bad"}
    assert caplog.text.count("breaks at picture 0") == 1


def test_a_tally_is_bounded() -> None:
    tally = Tally()
    for number in range(REASONS + 10):
        tally.add(f"reason {number}", f"name {number}", count=2)
    found = tally.so_far
    assert len(found) == REASONS + 1
    assert sum(left.count for left in found) == 2 * (REASONS + 10)
    assert (found[-1].reason, found[-1].count, len(found[-1].names)) == (OTHER, 20, NAMES)
