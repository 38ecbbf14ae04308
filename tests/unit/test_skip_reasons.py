"""Tests that docs/operate.md has a row for every reason why a frame may be skipped."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from framehop.decode import video
from framehop.pipeline.worker import motion_gate, skipping, waiting

ROW = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)
WRITTEN = re.compile(r'"([a-z]+(?:-[a-z]+)*)"')


def _documented() -> set[str]:
    page = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    return set(ROW.findall(page.split("## What was skipped\n")[1].split("\n## ")[0]))


def _of_rules() -> set[str]:
    """The reasons that `Skipping.reason` returns, from its source."""
    returned = [line for line in inspect.getsource(skipping.Skipping.reason).splitlines() if " return " in line]
    return {reason for line in returned for reason in WRITTEN.findall(line)}


def test_every_reason_to_skip_a_frame_has_its_row() -> None:
    in_code = _of_rules() | {
        waiting.TOO_OLD,
        waiting.NOT_NEWEST,
        motion_gate.NO_MOTION,
        video.NO_DECODER,
        *video._PASSED.values(),
    }
    assert len(_of_rules()) == 4
    assert _documented() == in_code
