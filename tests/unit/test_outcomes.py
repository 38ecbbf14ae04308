"""The figures of an event, whatever the clocks do."""

from __future__ import annotations

from typing import cast

import pytest

from framehop._core import HopReply, SlotRef
from framehop.decode import Decoded, DecodeJob
from framehop.pipeline.worker.outcomes import stage_times
from tests.frames import record_of

HOUR_US = 3_600_000_000
NOON_US = 20_000 * 24 * HOUR_US


class _Reply:
    """A stand-in with the figures of a HopReply, which only the core makes."""

    hop_us, wait_us, preprocess_us, infer_us, postprocess_us, batch_size = 100, 200, 300, 4000, 500, 2


def _stages(received_us: int, appended_us: int, polled_us: int, done_us: int) -> dict[str, float]:
    record = record_of(1, received_us=received_us, appended_us=appended_us)
    job = DecodeJob(record=record, polled_us=polled_us)
    decoded = Decoded(job=job, ref=cast(SlotRef, None), size=(64, 48), decode_us=1500)
    return stage_times(record.meta, decoded, done_us, cast(HopReply, _Reply()))


def test_each_stage_has_its_milliseconds() -> None:
    assert _stages(NOON_US, NOON_US + 1000, NOON_US + 3000, NOON_US + 12_000) == {
        "append": 1.0,
        "log": 2.0,
        "decode": 1.5,
        "hop": 0.1,
        "wait": 0.2,
        "preprocess": 0.3,
        "infer": 4.0,
        "postprocess": 0.5,
        "total": 12.0,
        "batch": 2.0,
    }


@pytest.mark.parametrize("behind_us", [250, 2 * HOUR_US])
def test_a_clock_that_is_behind_or_set_back_makes_no_time_negative(behind_us: int) -> None:
    stages = _stages(NOON_US, NOON_US - behind_us, NOON_US - 2 * behind_us, NOON_US - 3 * behind_us)
    assert (stages["append"], stages["log"], stages["total"]) == (0.0, 0.0, 0.0)
