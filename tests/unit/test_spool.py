"""The spool: live streams wait on disk while the log is away, and go into it in order."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framehop.errors import ConfigError, InvalidArgumentError, LogError, LogFullError, LogUnavailableError
from framehop.log.spool.allowance import Allowance
from framehop.log.spool.behind import Place
from framehop.log.spool.lane import Lane, Waiting
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.slots import Slots
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.ways import Ways
from framehop.log.spool.writer import SpoolingWriter
from framehop.protocols import Ack, Backlog, Spools
from framehop.testing.memory_log import MemoryLog
from framehop.types import Frame, FramePointer, Partition, StreamState
from tests.logs import TIMEOUT_S, is_whole, make_frame
from tests.spools import MIB, MemoryBehind, kinds
from tests.waiting import until

SIZE = 64 << 10
FITS = MIB // SIZE  # frames that the log's queue takes


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    with MemoryLog() as opened:
        yield opened


@pytest.fixture
def behind(log: MemoryLog) -> MemoryBehind:
    return MemoryBehind(log)


def opened(writer: SpoolingWriter, stream: str = "cam") -> StreamState:
    return writer.open_stream(stream, source="test:cam", finite=False)


def give(writer: SpoolingWriter, state: StreamState, seqs: range, acks: list[Ack], *, key_every: int = 1) -> None:
    for seq in seqs:
        frame = replace(make_frame(state, seq, size=SIZE), keyframe=seq % key_every == 0)
        assert writer.append(frame, acks.append, timeout_s=TIMEOUT_S)


def all_acknowledged(acks: list[Ack], count: int) -> None:
    until(lambda: len(acks) == count, f"{count} acknowledgements")


def check_log(log: MemoryLog, state: StreamState, seqs: list[int]) -> None:
    """The epoch's frames are in the log, once, whole, and in order."""
    found = [meta for meta in log.scan_frames() if meta.key.epoch == state.epoch]
    assert [meta.key.seq for meta in found] == seqs
    for meta in found:
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert is_whole(record)


def test_a_log_that_is_there_gets_everything_at_once(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.spool.lane.SLOW_S", TIMEOUT_S)  # the machine may be slow, and the log is not
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
    ways, lane = Ways(lambda _: None), Lane(stream="cam", epoch=1, store=None)
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
        threading.Thread(target=ways._acknowledge, args=(lane, Waiting(make_frame(state, seq), on_ack), ack))
        for seq in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert overlaps == [False, False]
    assert lane.acked == 2


def test_an_epoch_that_nobody_has_yet_is_not_followed_by_another(
    behind: MemoryBehind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.spool.writer.NEXT_S", 0.01)
    monkeypatch.setattr("framehop.log.spool.lane.SLOW_S", TIMEOUT_S)  # so it does not go to disk
    with behind.writer(tmp_path / "spool") as writer:
        state = opened(writer)
        behind.leave()
        give(writer, state, range(1), [])
        with pytest.raises(LogUnavailableError, match="neither in the log nor in the spool"):
            writer.next_pass("cam")
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
        assert writer.next_pass("cam").epoch > state.epoch


# ---- bounds


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


# ---- what is damaged, or not ours


def test_cameras_go_on_beside_a_spool_that_is_damaged(
    behind: MemoryBehind, log: MemoryLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    (spool / "0").mkdir(parents=True)
    (spool / "0" / "index.db").write_bytes(b"no index" * 1000)
    (spool / "1").write_text("a file")
    (spool / "2").mkdir()
    (spool / "2" / "photo.jpg").write_text("a picture of somebody")
    behind.leave()
    acks: list[Ack] = []
    with caplog.at_level(logging.ERROR), behind.writer(spool) as writer:
        state = opened(writer)
        give(writer, state, range(30), acks)
        all_acknowledged(acks, 30)
        behind.come_back()
        assert writer.flush(TIMEOUT_S)
        until(lambda: writer.backlog.frames == 0, "an empty spool")
    check_log(log, state, list(range(30)))
    assert caplog.text.count("cannot be read, and stays there") == 3, "each is said once"
    assert (spool / "2" / "photo.jpg").exists()


def test_what_is_called_otherwise_is_no_slot(tmp_path: Path) -> None:
    for name in ("\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}", "01", "99999", "x", "4.lock", "5"):
        (tmp_path / name).mkdir()
    slots = list(Slots(tmp_path).take_orphans())
    assert [slot.path.name for slot in slots] == ["5"]
    for slot in slots:
        slot.release()


def test_a_slot_that_cannot_be_locked_keeps_nobody_from_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("5", "6"):
        (tmp_path / name).mkdir()
    (tmp_path / "5.lock").symlink_to("elsewhere")
    slots = Slots(tmp_path)
    for _ in range(2):
        [slot] = slots.take_orphans()
        assert slot.path.name == "6"
        slot.release()
    assert caplog.text.count("stays there for now") == 1


def deliver(store: SpoolStore) -> None:
    store.delivered(("cam", 1), 0, Place(partition=Partition("frames", 0), offset=1))


def drop(store: SpoolStore) -> None:
    store.drop_oldest({}, "spool-full")


@pytest.mark.parametrize(("remove", "step"), [(deliver, "keep_place"), (drop, "note_gap")])
def test_what_a_full_disk_keeps_from_being_removed_still_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remove: Callable[[SpoolStore], None], step: str
) -> None:
    def full(*_: object) -> None:
        raise LogFullError("of the test")

    acks: list[Ack] = []
    store = SpoolStore(Slots(tmp_path).take(), SpoolOptions(), MIB)
    try:
        frame = make_frame(StreamState(stream="cam", epoch=1, next_seq=0), 0, size=SIZE)
        assert store.append(frame, acks.append)
        until(lambda: bool(acks) and store.backlog.frames == 1, "a frame on disk")
        with monkeypatch.context() as patched:
            patched.setattr(f"framehop.log.spool.rows.{step}", full)
            for _ in range(3):
                with pytest.raises(LogFullError):
                    remove(store)
        assert store.backlog == Backlog(frames=1, bytes=SIZE)
        remove(store)
        assert store.backlog == Backlog(frames=0, bytes=0)
    finally:
        store.close()


# ---- pieces


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": 1},
        {"max_age_s": 0.0},
        {"max_age_s": float("inf")},
        {"max_age_s": float("nan")},
        {"drain_bytes_per_s": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"spool: {next(iter(wrong))}"):
        SpoolOptions(**wrong)


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
