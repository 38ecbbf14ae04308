"""Tests of the HTTP API over an embedded log."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec
import pytest

from framehop._core import decode_jpeg, read_jpeg_header
from framehop.log import LogOptions
from framehop.log.sqlite import connect
from framehop.testing.synthetic import jpeg, truncated_jpeg
from framehop.types import Event
from tests.logs import retain
from tests.pages import Filled, client_of, until_indexed
from tests.waiting import until

HOSTILE = '<img src=x onerror="alert(1)">' + "é" * 5000


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", list)
        yield


@pytest.fixture
def log(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "log")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A log of two streams, one of which has failed frames only."""
    return two_streams(tmp_path_factory.mktemp("filled") / "log")


def two_streams(path: Path) -> Filled:
    log = Filled(path)
    log.put("gate", pictures=[jpeg(shade=shade) for shade in (10, 20, 30)])
    log.put("yard", pictures=[jpeg(), truncated_jpeg()], outcome="failed", reason="corrupt picture", labels=())
    return log


@pytest.fixture(scope="module")
def page(filled: Filled) -> Iterator[httpx.Client]:
    with client_of(filled.path) as client:
        until_indexed(client, 5)
        yield client


def got(page: httpx.Client, path: str, status: int = 200) -> Any:
    answer = page.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def place(event: Event) -> str:
    return f"/api/v1/frames/{event.frame.topic}/{event.frame.partition}/{event.frame.offset}"


def test_the_session_says_what_is_looked_at(page: httpx.Client, filled: Filled) -> None:
    said = got(page, "/api/v1/session")
    assert said["log"] == str(filled.path)
    assert (said["authenticated"], said["read_only"], said["log_error"]) == (True, True, "")
    assert 0 < said["index"]["oldest_us"] <= said["index"]["newest_us"] <= said["now_us"]


def test_events_are_those_of_the_log(page: httpx.Client, filled: Filled) -> None:
    found = got(page, "/api/v1/events?stream=gate")
    assert found["next_cursor"] is None
    assert msgspec.convert(found["events"], list[Event]) == [
        event for event in reversed(filled.events) if event.stream == "gate"
    ]


def test_pages_of_events_are_turned(page: httpx.Client) -> None:
    first = got(page, "/api/v1/events?limit=3")
    second = got(page, f"/api/v1/events?limit=3&cursor={first['next_cursor']}")
    ids = [event["event_id"] for event in first["events"] + second["events"]]
    assert (len(ids), len(set(ids)), second["next_cursor"]) == (5, 5, None)


def test_an_event_has_an_address(page: httpx.Client, filled: Filled) -> None:
    event = filled.events[1]
    assert got(page, f"/api/v1/events/{event.event_id}")["seq"] == event.seq
    assert "there never was one" in got(page, "/api/v1/events/gate/1/2/main", 404)["error"]


def test_labels_are_what_was_seen(page: httpx.Client) -> None:
    assert got(page, "/api/v1/labels") == {
        "labels": ["car"],
        "streams": ["gate", "yard"],
        "lanes": ["main"],
        "outcomes": ["detected", "failed"],
    }


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=x", "limit=201", "min_confidence=2", "min_confidence=nan", "from=yesterday", "to=12"),
        *("cursor=;", "stream=a/b", "stream=" + "x" * 200),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(page: httpx.Client, query: str) -> None:
    assert len(got(page, f"/api/v1/events?{query}", 400)["error"]) > 20


def test_a_frame_comes_as_it_is_in_the_log(page: httpx.Client, filled: Filled) -> None:
    answer = page.get(place(filled.events[1]))
    assert answer.content == jpeg(shade=20)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.headers["x-framehop-width"], answer.headers["x-framehop-height"]) == ("64", "48")


@pytest.mark.parametrize(("asked", "width"), [(8, 8), (20, 32), (64, 64), (9999, 64)])
def test_a_frame_is_reduced_but_no_further_than_asked(
    page: httpx.Client, filled: Filled, asked: int, width: int
) -> None:
    answer = page.get(f"{place(filled.events[0])}?width={asked}")
    assert (read_jpeg_header(answer.content).width, answer.headers["x-framehop-width"]) == (width, "64")


def test_boxes_are_drawn_where_the_event_has_them(page: httpx.Client, filled: Filled) -> None:
    plain, boxed = (
        decode_jpeg(page.get(f"{place(filled.events[0])}{end}").content).astype(int) for end in ("", "?boxes=1")
    )
    changed = abs(plain - boxed).max(axis=2) > 60
    assert changed[16:30, 4].mean() > 0.9  # its left side, below the label
    assert not changed[40:, 50:].any()


def test_boxes_come_as_soon_as_there_is_an_event(page: httpx.Client, filled: Filled) -> None:
    """A picture that was asked for too early is not kept without them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framehop.web.index.EventIndex.event", lambda *_: None)
        early = page.get(f"{place(filled.events[2])}?boxes=1").content
    assert page.get(f"{place(filled.events[2])}?boxes=1").content != early


def test_a_frame_that_is_not_there_is_gone(page: httpx.Client, filled: Filled) -> None:
    where = place(filled.events[0]).rpartition("/")[0]
    assert "retention has taken it" in got(page, f"{where}/4000", 410)["error"]


def test_a_frame_that_retention_took_is_gone(log: Filled) -> None:
    log.options = LogOptions(segment_bytes=4096)
    first, *_ = log.put("gate", pictures=[jpeg(shade=shade) for shade in range(60)])
    (last,) = log.put("gate")  # in a segment of its own
    with client_of(log.path) as page:
        until_indexed(page, 61)
        retain(log.path, segment_bytes=4096, retain_bytes=20_000)
        assert "retention has taken it" in got(page, place(first), 410)["error"]
        assert page.get(place(last)).status_code == 200
        assert got(page, f"/api/v1/events/{first.event_id}")["seq"] == 0
        until(lambda: got(page, "/api/v1/system")["figures"]["gaps"], "the gap")


@pytest.mark.parametrize("end", ["x/0/0?width=0", "x/0/0?width=-1", "x/y/0", "x/0/-1", "x/0/99999999999999999999"])
def test_a_place_that_is_none_is_refused(page: httpx.Client, end: str) -> None:
    assert page.get(f"/api/v1/frames/{end}").status_code == 400


def test_a_frame_that_is_no_picture_cannot_be_shown(page: httpx.Client, filled: Filled) -> None:
    assert got(page, place(filled.events[4]), 415)["error"]


def test_the_latest_picture_has_its_event(page: httpx.Client, filled: Filled) -> None:
    answer = page.get("/api/v1/latest/gate?width=32")
    event = json.loads(unquote(answer.headers["x-framehop-event"]))
    assert event["event_id"] == filled.events[2].event_id
    assert read_jpeg_header(answer.content).width == 32
    assert page.get(f"/api/v1/latest/gate?after={event['event_id']}").status_code == 204


@pytest.mark.parametrize("stream", ["yard", "nobody"])
def test_a_stream_without_a_picture_has_no_latest(page: httpx.Client, stream: str) -> None:
    assert page.get(f"/api/v1/latest/{stream}").status_code == 204


def test_who_waits_for_the_next_picture_gets_it(log: Filled) -> None:
    (event,) = log.put("gate")
    with client_of(log.path) as page:
        until_indexed(page, 1)
        put = threading.Thread(target=log.put, args=("gate",))
        put.start()
        answer = page.get(f"/api/v1/latest/gate?after={event.event_id}&wait_s=10")
        put.join()
    assert answer.status_code == 200
    assert json.loads(unquote(answer.headers["x-framehop-event"]))["epoch"] > event.epoch


def test_a_hostile_label_stays_text(log: Filled) -> None:
    log.put("gate", labels=(HOSTILE,))
    with client_of(log.path) as page:
        until_indexed(page, 1)
        answer = page.get("/api/v1/events")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["events"][0]["objects"][0]["label"] == HOSTILE
        (label,) = got(page, "/api/v1/labels")["labels"]
        assert (len(label), HOSTILE.startswith(label)) == (200, True)
        assert len(page.get("/api/v1/events", params={"label": label}).json()["events"]) == 1


def test_streams_are_known_by_their_events(page: httpx.Client) -> None:
    gate, yard = got(page, "/api/v1/streams")["streams"]
    assert (gate["stream"], gate["state"], gate["source"]) == ("gate", "seen", "")
    assert (gate["width"], gate["height"], gate["last_event"]["seq"]) == (64, 48, 2)
    assert (yard["failed"], yard["last_event"]["outcome"]) == (2, "failed")


def test_figures_are_of_the_last_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.figures.SECONDS", 600)  # this machine may be slow
    with client_of(two_streams(tmp_path / "log").path) as page:
        until_indexed(page, 5)
        figures = got(page, "/api/v1/system")["figures"]
    assert figures["outcomes"] == {"detected": 3, "failed": 2, "skipped": 0}
    assert figures["reasons"] == [{"outcome": "failed", "reason": "corrupt picture", "count": 2}]
    assert figures["batch_sizes"] == {"2": 5}
    assert figures["stages_ms"]["infer"]["count"] == 5
    assert figures["stages_ms"]["infer"]["p50"] == pytest.approx(20.0, rel=0.1)


def test_the_lag_is_that_of_the_log(page: httpx.Client) -> None:
    until(lambda: not got(page, "/api/v1/lag")["error"], "a look at the lag")
    partitions = got(page, "/api/v1/lag")["partitions"]
    assert sum(partition["end"] for partition in partitions) == 5
    assert sum(partition["messages"] for partition in partitions) == 0
    assert got(page, "/api/v1/lag?lane=nobody", 400)


def test_a_pipeline_that_nobody_runs_is_not_ready(page: httpx.Client) -> None:
    until(lambda: "partitions are read by nobody" in page.get("/readyz").text, "what is missing")
    assert page.get("/readyz").status_code == 503
    assert page.get("/healthz").text == "ok\n"


def test_a_log_that_is_not_there_yet_is_waited_for(log: Filled) -> None:
    with client_of(log.path) as page:
        until(lambda: "log_error" in page.get("/api/v1/session").text, "a session")
        assert str(log.path) in got(page, "/api/v1/session")["log_error"]
        assert got(page, "/api/v1/events")["events"] == []
        assert "tried again by itself" in got(page, "/api/v1/frames/frames/0/0", 503)["error"]
        assert page.get("/readyz").status_code == 503
        log.put("gate")
        until_indexed(page, 1)
        assert got(page, "/api/v1/session")["log_error"] == ""


def test_events_of_a_later_version_are_shown_or_counted_and_hide_no_others(log: Filled) -> None:
    """Fields that were added are ignored; what cannot be understood is passed over, and said."""
    events = log.put("gate", pictures=[jpeg(shade=shade) for shade in (10, 20, 30)])
    added, strange = (json.loads(msgspec.json.encode(event)) for event in events[:2])
    added |= {"schema_version": 2, "colour_of_the_sky": {"hue": 210}}
    strange |= {"schema_version": 3, "outcome": "dreamt"}
    db = connect(log.path / "index.db")
    for changed in (added, strange):
        db.execute("UPDATE events SET json=? WHERE seq=?", (json.dumps(changed).encode(), changed["seq"]))
    db.close()
    with client_of(log.path) as page:
        until_indexed(page, 2)
        until(lambda: got(page, "/api/v1/session")["passed_over"] == 1, "the event that cannot be understood")
        assert got(page, "/api/v1/session")["log_error"] == ""
        newest, oldest = got(page, "/api/v1/events")["events"]
        assert (newest["seq"], oldest) == (2, added)


def test_another_log_in_its_place_is_read_anew(log: Filled) -> None:
    log.put("gate")
    with client_of(log.path) as page:
        until_indexed(page, 1)
        shutil.rmtree(log.path)
        until(lambda: got(page, "/api/v1/session")["log_error"], "what became of the log")
        log.put("roof")
        until(lambda: got(page, "/api/v1/labels")["streams"] == ["roof"], "the new log alone")
        assert [row["stream"] for row in got(page, "/api/v1/streams")["streams"]] == ["roof"]


def test_pictures_are_not_of_the_log_that_was_there_before(log: Filled) -> None:
    (before,) = log.put("gate")
    with client_of(log.path) as page:
        until_indexed(page, 1)
        assert page.get(place(before)).content == page.get("/api/v1/latest/gate").content == jpeg()
        shutil.rmtree(log.path)
        until(lambda: got(page, "/api/v1/session")["log_error"], "what became of the log")
        (after,) = log.put("gate", pictures=[jpeg(shade=20)])
        assert after.frame == before.frame
        until(lambda: page.get(f"/api/v1/events/{after.event_id}").status_code == 200, "the new event")
        assert page.get(place(after)).content == page.get("/api/v1/latest/gate").content == jpeg(shade=20)


def test_the_index_goes_on_where_it_was(log: Filled) -> None:
    for count in (1, 2):
        log.put("gate")
        with client_of(log.path) as page:
            until_indexed(page, count)
            assert got(page, "/api/v1/session")["index"]["events"] == count


def test_the_document_of_the_api_is_there(page: httpx.Client) -> None:
    assert got(page, "/api/v1/openapi.json")["openapi"] == "3.1.0"


def test_unknown_paths_and_methods_get_a_sentence(page: httpx.Client) -> None:
    assert "openapi.json" in got(page, "/api/v1/nothing", 404)["error"]
    assert page.post("/api/v1/streams").status_code == 405


def test_a_fault_of_ours_is_a_sentence_too(page: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.index.EventIndex.names", lambda *_: 1 / 0)
    answer = page.get("/api/v1/labels")
    assert (answer.status_code, answer.json()["error"].partition(":")[0]) == (500, "this request failed here")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(("query", "streams"), [("events=0", ["gate", "yard"]), ("events=0&stream=yard", ["yard"])])
def test_who_follows_streams_alone_is_told_of_them_first_whole_and_then_what_is_new(
    page: httpx.Client, query: str, streams: list[str]
) -> None:
    with page.stream("GET", f"/api/v1/live?{query}") as live:
        lines = (line for line in live.iter_lines() if line.startswith(("event:", "data:")))
        said = [(next(lines), json.loads(next(lines).removeprefix("data: "))) for _ in range(2)]
    assert {name for name, _ in said} == {"event: streams"}
    first, second = (data for _, data in said)
    assert [row["stream"] for row in first["streams"]] == streams
    assert first["whole"]
    assert "whole" not in second


def test_who_leaves_makes_room_for_another(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.feed.MAX_SUBSCRIBERS", 1)
    with client_of(filled.path) as page:
        assert not got(page, "/api/v1/session")["full"]
        with page.stream("GET", "/api/v1/live") as live:
            lines = live.iter_lines()  # kept: with it the connection would go
            next(lines)
            assert got(page, "/api/v1/session")["full"]
            assert "close one of them" in got(page, "/api/v1/live", 503)["error"]
        until(lambda: not got(page, "/api/v1/session")["full"], "the end of the work for who has left")


def test_who_follows_live_sees_the_end_and_the_terminal_no_fault(
    filled: Filled, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as client:
        with client_of(filled.path) as page:
            client.connect(("127.0.0.1", page.base_url.port))
            client.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert client.recv(8) == b"HTTP/1.1"
        client.settimeout(60)
        said = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert said.endswith(b"0\r\n\r\n")
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []
