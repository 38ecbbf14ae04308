"""Tests what a run says of its policies, and of being behind."""

from __future__ import annotations

import pytest

from framehop.cli import policy_notes
from framehop.cli.policy_notes import BehindNote, policies_line
from framehop.policies import ALL, LIVE


def test_each_policy_is_named_with_its_streams() -> None:
    policies = dict.fromkeys(("a", "b", "c", "d", "e"), LIVE) | {"film": ALL}
    assert policies_line(policies, frozenset("abcde")) == (
        "policy: all (no frame is skipped) for film (finite); max_age_ms=1000 for a, b, c and 2 more (live)"
    )


def test_who_is_behind_says_so_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(policy_notes, "note", said.append)
    now = [1000.0]
    behind = BehindNote(clock=lambda: now[0])
    for second in range(150):
        now[0] = 1000.0 + second
        behind.update(3.0 if second < 10 else float(second))
    assert [line.split(" after")[0] for line in said] == [
        "frames are looked at 10 seconds",
        "frames are looked at 70 seconds",
        "frames are looked at 2 minutes",
    ]
