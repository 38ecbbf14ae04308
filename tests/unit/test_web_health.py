"""Tests of what is said to be ready: only what is known of now."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from framehop.pipeline.control_plane.requests import PipelineReport, Publication
from framehop.pipeline.look import LastLook, Look
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.types import ModelInfo, PartitionLag
from framehop.web.desk import Desk
from framehop.web.health import problems
from framehop.web.pipelines import Pipelines

READ = PartitionLag(topic="frames", partition=0, end=1, committed=1, messages=0, seconds=None, owner="worker")
MODEL = ModelInfo(name="coco-ssd", version="1", sha256="0" * 64, provider="cpu")
WELL = PipelineReport(
    publication=Publication(pid=7, started_us=0, log="./log", lane="main", version="1"),
    stopping=False,
    counters=Status(),
    events_per_s=10.0,
    processes=[ProcessStatus(name="worker-0", pid=8, ready=True, starts=1, in_flight=5)],
    streams=[],
    rings=[],
    members={},
    models={"detector-0": MODEL},
)

ALL_WELL = Pipelines(reports=(WELL,))


def look_of(value: object, age_s: float | None, error: str) -> Look[Any]:
    seen = LastLook(value=value, age_s=age_s, error=error)
    return cast(Look[Any], SimpleNamespace(latest=lambda _: seen))


def said(
    pipelines: tuple[float | None, str] = (1.0, ""),
    lag: tuple[float | None, str] = (1.0, ""),
    *,
    found: Pipelines = ALL_WELL,
    partition: PartitionLag = READ,
    log_error: str = "",
) -> list[str]:
    desk = cast(Desk, SimpleNamespace(error=log_error, pipelines=look_of(found, *pipelines)))
    return problems(desk, look_of([partition], *lag), 0.0)


def test_what_was_just_seen_to_be_well_is_ready() -> None:
    assert said() == []


@pytest.mark.parametrize("old", [(None, ""), (61.0, ""), (1.0, "it cannot be asked")])
def test_what_is_not_known_is_not_ready(old: tuple[float | None, str]) -> None:
    assert [text.partition(":")[0] for text in (*said(old, (1.0, "")), *said((1.0, ""), old))] == [
        "The pipelines of this host are not known",
        "The lag is not known",
    ]


def reported(**changes: Any) -> Pipelines:
    return Pipelines(reports=(msgspec.structs.replace(WELL, **changes),))


STARTING = ProcessStatus(name="detector-0", pid=9, ready=False, starts=1, in_flight=0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"log_error": "no such directory"}, "The log cannot be read: no such directory"),
        (
            {"found": Pipelines(unanswered=("pipeline 7 is silent",))},
            "A pipeline does not answer: pipeline 7 is silent",
        ),
        ({"found": reported(models={})}, "Pipeline 7 has no model loaded yet."),
        ({"found": reported(processes=[STARTING])}, "Process detector-0 of pipeline 7 is not ready: starting."),
        (
            {"found": reported(processes=[replace(STARTING, starting_s=45.2, start_s=600.0)])},
            "Process detector-0 of pipeline 7 is not ready: starting for 45 s of at most 600 s.",
        ),
        (
            {"found": reported(processes=[replace(STARTING, pid=None)])},
            "Process detector-0 of pipeline 7 is not ready: ended.",
        ),
        ({"found": reported(stopping=True)}, "Pipeline 7 is ending."),
        ({"partition": replace(READ, owner="")}, "1 of 1 partitions are read by nobody"),
        ({"partition": replace(READ, messages=9, seconds=61.0)}, "Detection is 61 s behind, more than 60 s"),
    ],
)
def test_what_is_missing_is_said(wrong: dict[str, Any], sentence: str) -> None:
    (told,) = said(**wrong)
    assert told.startswith(sentence)


def test_a_lag_within_the_limit_and_an_ingest_without_a_model_are_no_fault() -> None:
    reads = msgspec.structs.replace(WELL.publication, kind="ingest")
    assert said(found=reported(models={}, publication=reads), partition=replace(READ, messages=9, seconds=59.0)) == []
