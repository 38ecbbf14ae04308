"""The spool: live streams wait on disk while the log is away, and go into it in order."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from framehop.errors import InvalidArgumentError, LogError, LogUnavailableError
from framehop.log.spool.passage import Passage, Waiting
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.log.spool.writer import SpoolingWriter
from framehop.protocols import Ack, Spools
from framehop.testing.memory_log import MemoryLog
from framehop.types import Frame, FramePointer, StreamState
from tests.logs import TIMEOUT_S, make_frame
from tests.spools import FITS, MIB, MemoryBehind, all_acknowledged, check_log, give, kinds, opened
from tests.waiting import until


def test_a_log_that_is_there_gets_everything_at_once(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.spool.passage.SLOW_S", TIMEOUT_S)  # the machine may be slow, and the log is not
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(50), acks)
        assert writer.flush(TIMEOUT_S)
        assert isinstance(writer, Spools)
        assert (writer.backlog.frames, writer.stalled) == (0, "")
    assert kinds(acks) == ["log"] * 50
    check_log(log, state, list(range(50)))


def test_what_a_log_does_not_take_is_on_disk_and_comes_in_order(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(10), acks)
        all_acknowledged(acks, 10)
        behind.leave()
        give(writer, state, range(10, 10 + 4 * FITS), acks)
        all_acknowledged(acks, 10 + 4 * FITS)
        assert kinds(acks[10:]) == ["spool"] * (4 * FITS), "also what the log's client had in memory"
        assert writer.backlog.frames >= 3 * FITS
        assert writer.backlog.bytes >= 3 * MIB
        assert "live streams go into the spool" in writer.stalled
        assert not writer.flush(0.01), "it is not in the log"
        behind.come_back()
        give(writer, state, range(10 + 4 * FITS, 200), acks)
        assert writer.flush(TIMEOUT_S)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
        until(lambda: _goes_straight(writer, state, acks), "a frame that goes straight into the log again")
    check_log(log, state, list(range(len(acks))))
    assert not [path for path in (tmp_path / "spool").iterdir() if path.is_dir()], "nothing is left on disk"


def _goes_straight(writer: SpoolingWriter, state: StreamState, acks: list[Ack]) -> bool:
    """Give one more frame, and return whether the log acknowledged it."""
    give(writer, state, range(len(acks), len(acks) + 1), acks)
    assert writer.flush(TIMEOUT_S)
    return not acks[-1].spooled


def test_cameras_begin_while_the_log_is_away(behind: MemoryBehind, log: MemoryLog, tmp_path: Path) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        states = [opened(writer, f"cam-{number}") for number in range(4)]
        for state in states:
            give(writer, state, range(20), acks)
        all_acknowledged(acks, 80)
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
    for state in states:
        check_log(log, state, list(range(20)))


def test_a_log_that_a_fault_kept_from_being_opened_is_tried_again(
    behind: MemoryBehind,
    log: MemoryLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for pause in ("RETRY_S", "AFTER_ERROR_S"):
        monkeypatch.setattr(f"framehop.log.spool.opening.{pause}", 0.01)
    faults = [RuntimeError("can't start new thread")] * 2
    tries = iter([LogUnavailableError("no broker yet"), *faults, None])

    def check() -> None:
        if (error := next(tries, None)) is not None:
            raise error

    monkeypatch.setattr(behind, "check", check)
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(5), acks)
        assert writer.flush(TIMEOUT_S)
    check_log(log, state, list(range(5)))
    assert caplog.text.count("by a fault of framehop") == 1
    assert "can't start new thread" in caplog.text


def test_a_link_that_has_failed_for_good_ends_the_writer_and_the_next_one_goes_on(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        give(writer, state, range(5), acks)
        assert writer.flush(TIMEOUT_S)
        behind.leave()
        give(writer, state, range(5, 10), acks)
        behind.failure = LogError("for good")
        with pytest.raises(LogError, match="for good"):
            writer.flush(0.0)
        with pytest.raises(LogError, match="for good"):
            writer.append(make_frame(state, 10), None, 0.0)
    behind.failure = None
    behind.come_back()
    with behind.writer(tmp_path / "spool") as writer:
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    check_log(log, state, list(range(10)))


def test_a_source_that_can_wait_waits_for_the_log(behind: MemoryBehind, log: MemoryLog, tmp_path: Path) -> None:
    behind.leave()
    with behind.writer(tmp_path / "spool") as writer:
        with pytest.raises(LogUnavailableError, match="away"):
            writer.open_stream("clip", source="file:clip.mp4", finite=True)
        behind.come_back()
        until(lambda: not writer.stalled, "the log")
        state = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        assert writer.append(make_frame(state, 0))
        assert writer.flush(TIMEOUT_S)
    check_log(log, state, [0])


@pytest.mark.parametrize("answers", [True, False], ids=["in its middle", "before the log was ever there"])
def test_the_next_process_sends_what_one_has_left(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, answers: bool
) -> None:
    acks: list[Ack] = []
    if not answers:
        behind.leave()
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        if answers:
            give(writer, state, range(5), acks)
            all_acknowledged(acks, 5)
            behind.leave()
        give(writer, state, range(len(acks), 40), acks)
        all_acknowledged(acks, 40)
    behind.come_back()
    with behind.writer(tmp_path / "spool") as writer:
        later = opened(writer)
        assert later.epoch > state.epoch
        give(writer, later, range(3), acks)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
        assert writer.flush(TIMEOUT_S)
    check_log(log, state, list(range(40)))
    check_log(log, later, list(range(3)))
    assert len(behind.sent) == 43, "what the log had already was not sent again"


def test_frames_that_are_only_in_memory_at_the_end_go_to_disk(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        behind.leave()
        give(writer, state, range(3), acks)
    assert kinds(acks) == ["spool"] * 3
    behind.come_back()
    with behind.writer(tmp_path / "spool") as writer:
        until(lambda: len(list(log.scan_frames())) == 3, "the frames of the last process")
    check_log(log, state, [0, 1, 2])


@pytest.mark.parametrize("answers", [True, False])
def test_the_labels_of_a_stream_go_with_it_to_disk_and_to_the_next_process(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, answers: bool
) -> None:
    """They say in which topic its frames belong, and an epoch has its place once the log has answered."""
    acks: list[Ack] = []
    if not answers:
        behind.leave()
    with behind.writer(tmp_path / "spool") as writer:
        state = writer.open_stream("cam", source="test:cam", finite=False, labels={"site": "east"})
        give(writer, state, range(5), acks)
        all_acknowledged(acks, 5)
    assert bool(behind.labels) == answers
    behind.come_back()
    with behind.writer(tmp_path / "spool") as writer:
        opened(writer, "other")
        give(writer, writer.next_pass("other"), range(1), acks)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
        assert writer.flush(TIMEOUT_S)
    check_log(log, state, list(range(5)))
    assert [labels for stream, labels in behind.labels if stream == "cam"] == [{"site": "east"}]
    assert {str(labels) for stream, labels in behind.labels if stream == "other"} == {"{}"}


def test_what_a_killed_process_had_sent_is_not_sent_again(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the log had it, and before it had left the spool."""
    acks: list[Ack] = []
    with monkeypatch.context() as patched:
        for step in ("delivered", "forget_place"):
            patched.setattr(SpoolStore, step, lambda *_: None)
        with behind.writer(tmp_path / "spool") as writer:
            state = opened(writer)
            give(writer, state, range(5), acks)
            all_acknowledged(acks, 5)
            behind.leave()
            give(writer, state, range(5, 40), acks)
            all_acknowledged(acks, 40)
            behind.come_back()
            assert writer.flush(TIMEOUT_S)
    assert len(behind.sent) == 40
    with behind.writer(tmp_path / "spool") as writer:
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    assert len(behind.sent) == 40, "it was sent again"
    check_log(log, state, list(range(40)))


def test_the_last_frames_of_a_camera_that_falls_silent_go_to_disk(behind: MemoryBehind, tmp_path: Path) -> None:
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        behind.leave()
        give(writer, state, range(3), acks)
        all_acknowledged(acks, 3)
        assert kinds(acks) == ["spool"] * 3
        behind.come_back()
        assert writer.flush(TIMEOUT_S)


def test_each_process_has_its_own_and_takes_over_from_the_dead(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    acks: list[Ack] = []
    behind.leave()
    first = behind.writer(tmp_path / "spool")
    with behind.writer(tmp_path / "spool") as second:
        a, b = opened(first, "a"), opened(second, "b")
        give(first, a, range(5), acks)
        give(second, b, range(5), acks)
        all_acknowledged(acks, 10)
        first.close()
        behind.come_back()
        until(lambda: len(list(log.scan_frames())) == 10, "the frames of both")
    check_log(log, a, list(range(5)))
    check_log(log, b, list(range(5)))


def test_a_stream_is_given_up_and_opened_again_while_it_waits(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    behind.leave()
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        first = opened(writer)
        give(writer, first, range(5), acks)
        assert writer.close_stream("cam", TIMEOUT_S)
        second = opened(writer)
        give(writer, second, range(5), acks)
        all_acknowledged(acks, 10)
        with pytest.raises(InvalidArgumentError, match="epoch"):
            writer.append(make_frame(first, 5))
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
    check_log(log, first, list(range(5)))
    check_log(log, second, list(range(5)))


def test_the_next_epoch_of_a_camera_comes_after_the_last_one(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path
) -> None:
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        states = [opened(writer)]
        behind.leave()
        give(writer, states[0], range(4 * FITS), acks)
        for _ in range(2):
            states.append(writer.next_pass("cam"))
            give(writer, states[-1], range(5), acks)
        all_acknowledged(acks, 4 * FITS + 10)
        with pytest.raises(InvalidArgumentError, match="epoch"):
            writer.append(make_frame(states[0], 4 * FITS))
        behind.come_back()
        states.append(writer.next_pass("cam"))
        give(writer, states[-1], range(5), acks)
        assert writer.flush(TIMEOUT_S)
        assert writer.close_stream("cam", TIMEOUT_S)
    keys = [(frame.key.epoch, frame.key.seq) for frame in behind.sent]
    assert keys == sorted(keys), "two epochs of a stream at once would take each other's decoder"
    for state, count in zip(states, (4 * FITS, 5, 5, 5), strict=True):
        check_log(log, state, list(range(count)))


def test_a_source_is_told_by_one_thread_at_a_time() -> None:
    """The log's thread and the store's both tell it, and it counts without a lock."""
    ways, passage = Ways(lambda _: None), Passage(stream="cam", epoch=1, store=None)
    state = StreamState(stream="cam", epoch=1, next_seq=0)
    inside, entered, overlaps = threading.Semaphore(1), threading.Event(), []

    def on_ack(_: Ack) -> None:
        alone = inside.acquire(blocking=False)
        overlaps.append(not alone)
        if alone:
            entered.wait(0.1)  # another thread would come in here
            inside.release()
        entered.set()

    ack = Ack(pointer=FramePointer(topic="frames", partition=0, offset=0))
    threads = [
        threading.Thread(target=ways._acknowledge, args=(passage, Waiting(make_frame(state, seq), on_ack), ack))
        for seq in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert overlaps == [False, False]
    assert passage.acked == 2


def test_an_epoch_that_nobody_has_yet_is_not_followed_by_another(
    behind: MemoryBehind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.spool.writer.NEXT_S", 0.01)
    monkeypatch.setattr("framehop.log.spool.passage.SLOW_S", TIMEOUT_S)  # so it does not go to disk
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        behind.leave()
        give(writer, state, range(1), [])
        with pytest.raises(LogUnavailableError, match="neither in the log nor in the spool"):
            writer.next_pass("cam")
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
        assert writer.next_pass("cam").epoch > state.epoch


def test_the_order_of_what_was_sent_is_that_of_the_source(behind: MemoryBehind, tmp_path: Path) -> None:
    """The log goes and comes while frames come; they are sent once, in order, whichever way they took."""
    acks: list[Ack] = []
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        for turn in range(4):
            give(writer, state, range(turn * 40, turn * 40 + 20), acks)
            behind.leave()
            give(writer, state, range(turn * 40 + 20, turn * 40 + 40), acks)
            behind.come_back()
        assert writer.flush(TIMEOUT_S)
    frames: list[Frame] = behind.sent
    assert [frame.key.seq for frame in frames] == list(range(160))
