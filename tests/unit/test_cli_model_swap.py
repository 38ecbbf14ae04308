"""framehop model swap, against pipelines whose answers a test writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from framehop.pipeline.control_plane import asking
from framehop.pipeline.control_plane.control_socket import ControlSocket
from framehop.pipeline.control_plane.requests import (
    PUBLICATION,
    SOCKET,
    Answer,
    PipelineReport,
    Publication,
    Refusal,
    Request,
    SwapLook,
    SwapRequest,
    encode,
)
from framehop.pipeline.supervisor.model_swaps import SwapReport
from framehop.pipeline.supervisor.status import Counters
from framehop.types import ModelInfo
from tests.commands import framehop

OLD = ModelInfo(name="old", version="1", sha256="0" * 64, provider="cpu")
NEW = ModelInfo(name="new", version="2", sha256="1" * 64, provider="cpu")
BEGUN = SwapReport(
    number=2, model="m", phase="loading", took_s=0.0, states={"detector-0": "loading"}, models={"detector-0": OLD}
)
DONE = replace(BEGUN, phase="done", states={"detector-0": "switched"}, models={"detector-0": NEW})
FAILED = replace(BEGUN, phase="failed", error="detector-0: why")


class Host:
    """A machine with pipelines: each answers a swap by its first answer, and every look by the next one."""

    def __init__(self, directory: Path, opened: ExitStack) -> None:
        self._directory = directory
        self._opened = opened
        self.asked: list[Request] = []

    def run(self, pid: int, lane: str, *answers: Answer | Callable[[], Answer]) -> None:
        directory = self._directory / f"framehop-{pid}"
        directory.mkdir(mode=0o700)
        script = iter(answers)

        def answer(request: Request) -> Answer:
            self.asked.append(request)
            said = next(script)
            return said() if callable(said) else said

        self._opened.enter_context(ControlSocket(directory / SOCKET, answer))
        said = Publication(pid=pid, started_us=pid, log="kafka://house", lane=lane, version="1")
        (directory / PUBLICATION).write_bytes(encode(said))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(asking, "runtime_parents", lambda: [tmp_path])
    with ExitStack() as opened:
        yield Host(tmp_path, opened)


def test_it_waits_for_the_end_and_says_what_each_detector_runs(host: Host) -> None:
    host.run(7, "main", BEGUN, BEGUN, DONE)
    done = framehop("model", "swap", "coco-ssd")
    assert done.status == 0
    assert done.stdout == f"detector-0: old 1 → new 2, sha256 {'1' * 16}…, on cpu\n"
    assert done.stderr == "detector-0 loads it beside the model that runs\n"
    assert host.asked == [SwapRequest("coco-ssd"), SwapLook(2), SwapLook(2)]


def test_a_path_is_told_from_the_root(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    host.run(7, "main", DONE)
    assert framehop("model", "swap", "my/best.onnx").status == 0
    assert host.asked == [SwapRequest(str(tmp_path / "my" / "best.onnx"))]


def test_json_is_the_last_report(host: Host) -> None:
    host.run(7, "main", BEGUN, FAILED)
    done = framehop("model", "swap", "coco-ssd", "--json")
    report = json.loads(done.stdout)
    assert (done.status, report["phase"], report["error"]) == (1, "failed", "detector-0: why")
    assert report["models"]["detector-0"]["name"] == "old"


def test_a_failure_says_that_nothing_has_changed(host: Host) -> None:
    host.run(7, "main", BEGUN, FAILED)
    done = framehop("model", "swap", "coco-ssd")
    assert done.status == 1
    assert done.stdout == f"detector-0: old 1, sha256 {'0' * 16}…, on cpu\n"
    assert done.stderr.splitlines()[-1] == "error: detector-0: why; every detector keeps the model it had"


def test_a_pipeline_that_ends_meanwhile_is_told_from_one_that_hangs(host: Host, tmp_path: Path) -> None:
    def end() -> Answer:
        (tmp_path / "framehop-7").rename(tmp_path / "gone")
        return Refusal(error="ending")

    host.run(7, "main", BEGUN, end)
    done = framehop("model", "swap", "coco-ssd")
    assert done.status == 1
    assert "error: process 7 ended before the swap did" in done.stderr


def test_a_refusal_is_an_error(host: Host) -> None:
    host.run(7, "main", Refusal(error="there is no model 'x'"))
    done = framehop("model", "swap", "x")
    assert (done.status, done.stderr) == (1, "error: process 7: there is no model 'x'\n")


def test_one_of_several_pipelines_is_named_by_process_or_lane(host: Host) -> None:
    host.run(7, "main", DONE)
    host.run(8, "shadow", DONE, DONE)
    several = framehop("model", "swap", "x")
    assert several.status == 1
    assert "several pipelines fit" in several.stderr
    assert "7 (lane main of kafka://house), 8 (lane shadow of kafka://house)" in several.stderr
    assert framehop("model", "swap", "x", "--pipeline", "shadow").status == 0
    assert framehop("model", "swap", "x", "--pipeline", "8").status == 0
    assert len(host.asked) == 2
    unknown = framehop("model", "swap", "x", "--pipeline", "night")
    assert "no pipeline is 'night'" in unknown.stderr


def test_the_status_shows_every_model_and_the_swap(host: Host) -> None:
    report = PipelineReport(
        publication=Publication(pid=7, started_us=7, log="kafka://house", lane="main", version="1"),
        stopping=False,
        counters=Counters().status([]),
        events_per_s=0.0,
        processes=[],
        streams=[],
        rings=[],
        members={},
        model=OLD,
        models={"detector-0": OLD, "detector-1": NEW},
        swap=BEGUN,
    )
    host.run(7, "main", report, replace(report, models={"detector-0": NEW, "detector-1": NEW}, swap=None))
    during = framehop("status").stdout
    assert "old 1 on cpu in detector-0, new 2 on cpu in detector-1" in during
    assert "swap to m, for 0 s: detector-0 loading" in during
    after = framehop("status").stdout
    assert "running, new 2 on cpu, " in after
    assert "swap" not in after


def test_without_a_pipeline_it_says_how_to_start_one(host: Host) -> None:
    done = framehop("model", "swap", "x")
    assert done.status == 1
    assert "framehop run, framehop ingest and framehop detect start one" in done.stderr
