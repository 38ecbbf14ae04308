"""The directories of a spool: what is damaged or not ours in them, and what a full disk keeps from being removed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from framehop.errors import LogFullError
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.slots import Slot, Slots
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.stores import Stores
from framehop.log.spool.ways import Ways
from framehop.protocols import Ack, Backlog
from framehop.testing.memory_log import MemoryLog
from framehop.types import Partition, Place, StreamState
from tests.logs import TIMEOUT_S, make_frame
from tests.spools import MIB, SIZE, MemoryBehind, all_acknowledged, check_log, give, opened
from tests.waiting import until


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


def test_a_slot_that_cannot_be_taken_over_for_now_is_tried_again_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "5").mkdir()
    tries: list[Path] = []

    def full(slot: Slot, *_args: object) -> SpoolStore:
        tries.append(slot.path)
        raise LogFullError("its disk is full")

    monkeypatch.setattr("framehop.log.spool.stores.SpoolStore", full)
    stores = Stores(Ways(lambda _account: None), tmp_path, SpoolOptions(), MIB)
    assert [stores.orphans() for _ in range(3)] == [[], [], []]
    assert tries == [tmp_path / "5"] * 3, "it is free again"
    assert caplog.text.count("stays there for now: its disk is full") == 1


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
