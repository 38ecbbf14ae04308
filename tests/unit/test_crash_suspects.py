"""Tests of the frames of which a new worker is warned."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from framehop._core import SlotInfo
from framehop.pipeline.processes.settings import Suspect
from framehop.pipeline.supervisor.crash_suspects import LIMIT, CrashSuspects
from framehop.types import FrameKey


def key(seq: int) -> FrameKey:
    return FrameKey("cam", 5, seq)


def slot(seq: int, state: str = "filling") -> SlotInfo:
    return cast(SlotInfo, SimpleNamespace(state=state, tag=SimpleNamespace(stream="cam", epoch=5, seq=seq)))


def test_only_what_was_being_decoded_is_suspect() -> None:
    suspects = CrashSuspects()
    suspects.note([slot(1), slot(2, "ready"), slot(3, "free")])
    assert suspects.listed() == [Suspect(key(1), 1)]


def test_attempts_add_up_over_deaths() -> None:
    suspects = CrashSuspects()
    for _ in range(3):
        suspects.note([slot(7)])
    assert suspects.listed() == [Suspect(key(7), 3)]


def test_the_newest_are_kept_and_their_number_is_bounded() -> None:
    suspects = CrashSuspects()
    suspects.note(slot(seq) for seq in range(LIMIT))
    suspects.note([slot(0), slot(LIMIT)])
    kept = {suspect.key.seq: suspect.attempts for suspect in suspects.listed()}
    assert len(kept) == LIMIT
    assert (kept[0], kept[LIMIT]) == (2, 1)
    assert 1 not in kept


def test_a_frame_that_a_worker_ended_for_counts_as_one_that_was_being_decoded() -> None:
    suspects = CrashSuspects()
    suspects.add(key(7))
    suspects.note([slot(7)])
    assert suspects.listed() == [Suspect(key(7), 2)]
