"""Tests of what is said to be ready: only what is known of now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from framehop.types import PartitionLag
from framehop.web.desk import Desk
from framehop.web.health import problems
from framehop.web.look import LastLook, Look
from framehop.web.pipelines import Pipelines

READ = PartitionLag(topic="frames", partition=0, end=1, committed=1, messages=0, seconds=None, owner="worker")


def look_of(value: object, age_s: float | None, error: str) -> Look[Any]:
    seen = LastLook(value=value, age_s=age_s, error=error)
    return cast(Look[Any], SimpleNamespace(latest=lambda _: seen))


def said(pipelines: tuple[float | None, str], lag: tuple[float | None, str]) -> list[str]:
    desk = cast(Desk, SimpleNamespace(error="", pipelines=look_of(Pipelines(), *pipelines)))
    return problems(desk, look_of([READ], *lag), 0.0)


def test_what_was_just_seen_to_be_well_is_ready() -> None:
    assert said((1.0, ""), (1.0, "")) == []


@pytest.mark.parametrize("old", [(None, ""), (61.0, ""), (1.0, "it cannot be asked")])
def test_what_is_not_known_is_not_ready(old: tuple[float | None, str]) -> None:
    assert [text.partition(":")[0] for text in (*said(old, (1.0, "")), *said((1.0, ""), old))] == [
        "The pipelines of this host are not known",
        "The lag is not known",
    ]
