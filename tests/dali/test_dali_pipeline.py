"""A whole pipeline that preprocesses by DALI, with few slots: each is free again as soon as its boxes are out."""

from __future__ import annotations

import json
from pathlib import Path

from tests import tiny_model
from tests.commands import framehop
from tests.dali import needs_dali

pytestmark = needs_dali

UPRIGHT = Path(__file__).parents[1] / "cases" / "upright.jpg"


def test_every_frame_has_its_event_with_two_slots(tmp_path: Path) -> None:
    model = tiny_model.write_model(tmp_path)
    options = ("--preprocess", "dali", "--slots", "2", "--model", model, "--rate", "max", "--loop", "40")
    done = framehop("run", "--log", tmp_path / "log", *options, UPRIGHT)
    assert done.status == 0, done.stderr
    told = json.loads(framehop("audit", "--log", tmp_path / "log", "--json").stdout)
    assert (told["events"], told["outcomes"], told["missing"]) == (40, {"detected": 40}, 0)
