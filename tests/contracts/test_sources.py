"""Tests of what a log remembers of sources: which pictures it has, whether they are the same ones, and ingest's account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from framehop.account import IngestAccount, LeftOut
from framehop.protocols import FrameLog, FrameWriter
from framehop.types import StreamState
from tests.logs import TIMEOUT_S, make_frame


def _open(writer: FrameWriter, source: str = "folder") -> StreamState:
    return writer.open_stream("a", source=source, finite=True)


def _append(writer: FrameWriter, state: StreamState, names: Iterable[str]) -> None:
    for seq, name in enumerate(names, state.next_seq):
        assert writer.append(replace(make_frame(state, seq), origin=f"{name}?size=1"))
    assert writer.flush(TIMEOUT_S)


def test_an_interrupted_pass_knows_which_pictures_it_has(log: FrameLog) -> None:
    with log.writer() as writer:
        first = _open(writer)
        assert writer.taken("a") == frozenset()
        _append(writer, first, "xyz")
    with log.writer() as writer:
        second = _open(writer)
        assert (second.epoch, second.next_seq) == (first.epoch, 3)
        assert writer.taken("a") == {"x?size=1", "y?size=1", "z?size=1"}
        _append(writer, second, "b")
    with log.writer() as writer:
        _open(writer)
        assert len(writer.taken("a")) == 4


def test_a_new_pass_begins_with_none(log: FrameLog) -> None:
    with log.writer() as writer:
        _append(writer, _open(writer), "x")
        state = writer.next_pass("a")
        _append(writer, state, "y")
    with log.writer() as writer:
        assert _open(writer).epoch == state.epoch
        assert writer.taken("a") == {"y?size=1"}
        writer.finish_pass("a")
        assert writer.flush(TIMEOUT_S)
    with log.writer() as writer:
        assert _open(writer).epoch > state.epoch
        assert writer.taken("a") == frozenset()


def test_a_replaced_source_begins_anew_and_says_so(log: FrameLog) -> None:
    with log.writer() as writer:
        state = _open(writer, "clip#1")
        assert not state.replaced
        _append(writer, state, "xy")
    with log.writer() as writer:
        same = _open(writer, "clip#1")
        assert (same.epoch, same.next_seq, same.replaced) == (state.epoch, 2, False)
    with log.writer() as writer:
        other = _open(writer, "clip#2")
        assert (other.next_seq, other.replaced) == (0, True)
        assert other.epoch > state.epoch
    with log.writer() as writer:
        assert not _open(writer, "another clip").replaced
        writer.finish_pass("a")
        assert writer.flush(TIMEOUT_S)
    with log.writer() as writer:
        assert not _open(writer, "another clip#1").replaced, "it was read to its end: nothing is cut short"


def test_a_source_of_the_time_before_versions_goes_on(log: FrameLog) -> None:
    with log.writer() as writer:
        state = _open(writer, "clip")
        _append(writer, state, "x")
    with log.writer() as writer:
        again = _open(writer, "clip#1")
        assert (again.epoch, again.next_seq, again.replaced) == (state.epoch, 1, False)


def _account(state: StreamState, appended: int) -> IngestAccount:
    return IngestAccount(
        stream="a",
        epoch=state.epoch,
        source="folder",
        begun_us=1,
        kept_us=2,
        before=0,
        appended=appended,
        failed=1,
        left_out=(LeftOut(reason="no picture", count=2, names=("a.txt", "东.txt")),),
        ended="stopped",
    )


def test_the_newest_account_of_an_epoch_is_kept(log: FrameLog) -> None:
    with log.writer() as writer:
        state = _open(writer)
        for seq in (0, 1):
            assert writer.append(make_frame(state, seq))
            writer.keep_account(_account(state, seq + 1))
        assert writer.flush(TIMEOUT_S)
        assert log.ingest_accounts() == [_account(state, 2)]
    (account,) = log.ingest_accounts()
    assert (account.frames, account.seen) == (2, 4)


def test_a_stream_that_loops_for_ever_has_its_newest_accounts(log: FrameLog) -> None:
    with log.writer() as writer:
        state, epochs = _open(writer), []
        for _ in range(53):
            epochs.append(state.epoch)
            writer.keep_account(_account(state, 1))
            state = writer.next_pass("a")
        assert writer.flush(TIMEOUT_S)
    assert [account.epoch for account in log.ingest_accounts()] == epochs[-50:]
