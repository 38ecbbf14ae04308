"""Tests of what the API says of itself: its OpenAPI document, its metrics, and the dashboard that reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from framehop.pipeline.control_plane.requests import PipelineReport, Publication, RingReport
from framehop.pipeline.processes.source_messages import SourceHealth
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.types import ModelInfo
from framehop.web import desk as desk_module
from framehop.web.answers import Answer
from framehop.web.api import Api
from framehop.web.openapi import document
from framehop.web.operations import OPERATIONS
from framehop.web.pipelines import Pipelines
from framehop.web.totals import MAX_LABELLED
from tests.pages import Filled, client_of, until_indexed
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "framehop.json"

MODEL = ModelInfo(name="coco-ssd", version="1", sha256="0" * 64, provider="cpu")


def _stream(number: int) -> StreamStatus:
    health = SourceHealth(fps=10.0, reconnects=2)
    return StreamStatus(stream=f"cam-{number:03}", source="rtsp://cam", phase="running", acked=7, health=health)


REPORT = PipelineReport(
    publication=Publication(pid=7, started_us=0, log="./log", lane="main", version="1"),
    stopping=False,
    counters=Status(restarts=3),
    events_per_s=10.0,
    processes=[ProcessStatus(name="worker-0", pid=8, ready=True, starts=1, in_flight=5)],
    streams=[_stream(number) for number in range(MAX_LABELLED + 5)],
    rings=[RingReport(worker="worker-0", slots=34, used=4)],
    members={},
    models={"detector-0": MODEL},
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A log of one event, and a pipeline beside it with more streams than metrics name."""
    log = Filled(tmp_path_factory.mktemp("log") / "log")
    log.put("gate", labels=('a "label"\n',))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(desk_module, "look_at_pipelines", lambda _at: Pipelines(reports=(REPORT,)))
        with client_of(log.path) as client:
            until_indexed(client, 1)
            until(lambda: client.get("/api/v1/lag").json()["partitions"], "a look at the lag")
            until(lambda: client.get("/api/v1/system").json()["pipelines"], "a look at the pipelines")
            yield client


# ---------------------------------------------------------------- OpenAPI


def test_every_operation_has_its_handler_and_its_place_in_the_document() -> None:
    paths = json.loads(document())["paths"]
    assert {operation["operationId"] for methods in paths.values() for operation in methods.values()} == {
        operation.name for operation in OPERATIONS
    }
    public = {name for name in vars(Api) if not name.startswith("_")}
    assert public == {operation.name for operation in OPERATIONS}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = document().decode()
    schemas = json.loads(text)["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named <= schemas.keys()
    assert {"Event", "StreamRow", "PipelineReport", "PartitionLag", "Failure"} <= schemas.keys()


def test_every_parameter_in_a_path_is_described() -> None:
    for path, methods in json.loads(document())["paths"].items():
        for operation in methods.values():
            described = {found["name"] for found in operation["parameters"] if found["in"] == "path"}
            assert described == set(re.findall(r"\{(\w+)\}", path))


def test_every_answer_is_described_and_an_empty_one_has_no_content() -> None:
    paths = json.loads(document())["paths"]
    for operation in OPERATIONS:
        said = paths[re.sub(":path", "", operation.path)][operation.method.lower()]["responses"]
        assert said[str(operation.status)]["description"] == operation.summary
        assert ("content" in said[str(operation.status)]) == (operation.answer is not None)
        assert set(said["default"]["content"]) == {"application/json"}
    latest, ready = paths["/api/v1/latest/{stream}"]["get"], paths["/readyz"]["get"]
    assert latest["responses"]["204"] == {"description": "There is none newer."}
    assert set(ready["responses"]["503"]["content"]) == {"text/plain"}


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if isinstance(each.answer, type) and "{" not in each.path],
    ids=lambda each: each.name,
)
def test_answers_are_of_the_type_that_the_document_names(page: httpx.Client, operation: Any) -> None:
    answer = page.get(operation.path)
    assert answer.status_code == operation.status
    assert issubclass(operation.answer, Answer)
    found = msgspec.json.decode(answer.content, type=operation.answer)
    assert json.loads(answer.content).keys() == {field.encode_name for field in msgspec.structs.fields(found)}


# ---------------------------------------------------------------- metrics


@pytest.fixture(scope="module")
def samples(page: httpx.Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples by name, each by the values of its labels in the order of their names."""
    answer = page.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


Samples = dict[str, dict[tuple[str, ...], float]]


def test_frames_are_counted_by_stream_stage_and_outcome(samples: Samples) -> None:
    frames = samples["framehop_frames_total"]
    assert frames["main", "detected", "detect", "gate"] == 1
    assert frames["", "appended", "ingest", "cam-000"] == 7
    assert frames["", "appended", "ingest", "other"] == 7 * 5
    assert len([labels for labels in frames if labels[2] == "ingest"]) == MAX_LABELLED + 1


def test_what_pipelines_say_is_there(samples: Samples) -> None:
    assert samples["framehop_ring_slots"] == {
        ("main", "7", "used", "worker-0"): 4,
        ("main", "7", "free", "worker-0"): 30,
    }
    assert samples["framehop_restarts_total"] == {("main", "7"): 3}
    assert samples["framehop_queue_depth"] == {("main", "7", "worker-0"): 5}
    assert samples["framehop_model_info"] == {("main", "coco-ssd", "7", "detector-0", "cpu", "1"): 1}
    assert samples["framehop_reconnects_total"]["cam-000",] == 2
    assert samples["framehop_log_up"] == {(): 1}


def test_stages_are_histograms_in_seconds(samples: Samples) -> None:
    buckets = samples["framehop_stage_seconds_bucket"]
    assert (buckets["0.01", "infer"], buckets["0.025", "infer"], buckets["+Inf", "infer"]) == (0, 1, 1)
    assert samples["framehop_stage_seconds_sum"]["infer",] == pytest.approx(0.02)
    assert samples["framehop_end_to_end_seconds_sum"][()] == pytest.approx(0.03)
    assert ("0.01", "batch") not in buckets


def test_a_hostile_label_is_one_value(samples: Samples) -> None:
    assert samples["framehop_objects_total"] == {('a "label"\n',): 1}


def test_names_follow_the_rules_of_prometheus(samples: Samples) -> None:
    assert all(re.fullmatch(r"framehop_[a-z_]+", name) for name in samples)
    assert not [name for name in samples if re.search(r"_(ms|millis|minutes|mb|kb)(_|$)", name)]


def test_the_dashboard_asks_for_metrics_that_there_are(samples: Samples) -> None:
    text = DASHBOARD.read_text()
    asked = set(re.findall(r"framehop_[a-z_]+", text))
    assert asked <= samples.keys()
    histograms = {name.removesuffix("_bucket") for name in samples if name.endswith("_bucket")}
    shown = {name for name in samples if not any(name.startswith(f"{of}_") for of in histograms)}
    assert shown <= asked  # and there is none that it does not show


def test_every_panel_of_the_dashboard_has_its_place() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(panels) == len({panel["title"] for panel in panels})
    assert all(panel["targets"][0]["expr"] for panel in panels)
