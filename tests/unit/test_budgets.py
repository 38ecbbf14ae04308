"""Times that are part of others leave these some room."""

from __future__ import annotations

import re
from pathlib import Path

from framehop import budgets
from framehop.config.detect_options import DetectOptions
from framehop.log import KafkaOptions
from framehop.log.kafka.coverage import ORPHANED_S

ROOT = Path(__file__).parents[2]


def test_a_partition_is_handed_over_within_the_session() -> None:
    assert budgets.HANDOVER_FRAMES_S + 2 <= budgets.HANDOVER_S
    assert KafkaOptions().session_timeout_s > budgets.HANDOVER_S


def test_a_living_process_is_not_taken_for_a_hung_one() -> None:
    assert 5 * budgets.BEAT_S <= budgets.HANG_S <= budgets.START_S


def test_a_network_that_is_quick_enough_at_work_is_quick_enough_at_the_start() -> None:
    assert 20 * budgets.HANG_S <= budgets.LOAD_S


def test_the_end_has_room_for_every_part_of_it() -> None:
    assert DetectOptions().drain_s > budgets.STOP_FLUSH_S
    assert budgets.WRITER_CLOSE_S < budgets.DESK_CLOSE_S
    assert DetectOptions().drain_s + budgets.DRAIN_GRACE_S > budgets.DESK_CLOSE_S
    assert budgets.LANES_END_S < budgets.DRAIN_GRACE_S < budgets.PIPELINE_END_S


def test_the_supervisors_end_has_room_for_what_it_waits_for() -> None:
    looks_s = 2 * budgets.LOG_LOOK_CLOSE_S  # of the reporter, and at the group's progress
    looks_s += budgets.LEFT_LOOK_S + budgets.LOG_LOOK_CLOSE_S  # at what is left for the next start
    assert looks_s + budgets.CONTROL_CLOSE_S + budgets.KILL_S + budgets.JANITOR_S < budgets.PIPELINE_END_S


def test_systemd_and_the_documents_wait_for_the_whole_end() -> None:
    after_the_drain_s = budgets.DRAIN_GRACE_S + budgets.PIPELINE_END_S
    assert after_the_drain_s <= 17, "as docs/embed.md and the unit say"
    unit = (ROOT / "deploy" / "framehop.service").read_text()
    (timeout_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert DetectOptions().drain_s + after_the_drain_s < float(timeout_s)


def test_a_partition_is_not_called_orphaned_while_its_owner_finishes_frames() -> None:
    assert ORPHANED_S >= budgets.HANDOVER_FRAMES_S


def test_an_answer_comes_while_it_is_waited_for() -> None:
    assert budgets.LAG_PATIENCE_S + 1 <= budgets.ANSWER_S
