"""framehop ui as users run it: over real logs and pipelines, with browsers that behave badly."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import unquote

import pytest

from framehop.cli.page import page_options
from framehop.errors import ConfigError
from tests.pages import Filled, until_indexed
from tests.system.harness import House
from tests.system.ui import client_of, seq_in, ui
from tests.tiny_model import write_model
from tests.waiting import until

SOURCE = "testsrc:?size=320x240&rate=10"


def test_a_run_is_seen_and_ends_its_page(house: House) -> None:
    """The page comes before the log does, its pictures are those of their events, and all of it ends with the run."""
    house.env["XDG_CACHE_HOME"] = str(house.path / "cache")
    words = ("--model", write_model(house.path), "--ui", "--ui-address", "127.0.0.1:0")
    run = house.start("run", f"gate={SOURCE}", "--log", house.log, *words)
    assert run.stderr is not None
    lines = (line.decode() for line in run.stderr)
    url = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
    with client_of(url) as client:
        until(lambda: client.get("/api/v1/streams").json()["streams"], "a stream", 60)
        after, seqs = "", list[int]()
        while len(seqs) < 5:
            answer = client.get(f"/api/v1/latest/gate?after={after}&wait_s=10")
            if answer.status_code == 200:
                event = json.loads(unquote(answer.headers["x-framehop-event"]))
                after = event["event_id"]
                seqs.append(event["seq"])
                assert seq_in(answer.content) == event["seq"]
        assert seqs == sorted(set(seqs))

        def row() -> list[Any]:
            (found,) = client.get("/api/v1/streams").json()["streams"]
            return [found[name] for name in ("stream", "state", "width", "codec")]

        until(lambda: row() == ["gate", "running", 320, "jpeg"], "the stream as the pipeline has it")
        until(lambda: client.get("/readyz").status_code == 200, "a ready pipeline")
        until(lambda: str(run.pid) in client.get("/api/v1/system").text, "the pipeline")
        until(lambda: 'framehop_ring_slots{lane="main"' in client.get("/metrics").text, "its ring")
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert (run.returncode, b"Traceback" in stderr) == (130, False), stderr.decode()
    house.assert_nothing_left()


def test_a_page_ends_with_a_run_that_is_killed(house: House) -> None:
    house.env["XDG_CACHE_HOME"] = str(house.path / "cache")
    run = house.start("run", f"gate={SOURCE}", "--log", house.log, "--model", write_model(house.path), "--ui")
    assert run.stderr is not None
    next(line for line in run.stderr if b"http://127.0.0.1" in line)
    run.kill()
    run.wait(60)
    house.assert_nothing_left()


def test_a_stopped_stream_is_marked(house: House) -> None:
    with ui(house) as page:
        run = house.start("run", f"gate={SOURCE}", "--log", house.log, "--model", write_model(house.path))
        until(lambda: page.got("/api/v1/session")["index"]["events"] > 5, "events", 120)
        house.wait_for("ingest-0").send_signal(signal.SIGSTOP)

        def marked() -> bool:
            (row,) = page.got("/api/v1/streams")["streams"]
            return bool(row["stalled"]) and " for " in row["reason"]

        until(marked, "the mark on the stream")
        house.wait_for("ingest-0").send_signal(signal.SIGCONT)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)


def test_a_browser_that_never_reads_and_many_connections(house: House) -> None:
    """Others are answered all the same, from memory that does not grow."""
    log = Filled(house.log)
    log.put("gate", labels=("<b>" * 3000,))
    with ui(house) as page:
        until_indexed(page.client, 1)
        port = page.client.base_url.port
        deaf = socket.create_connection(("127.0.0.1", port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        assert page.client.get("/healthz").text == "ok\n"
        before = page.memory()
        for _ in range(10):
            log.put("gate", pictures=[b"x"] * 100, labels=("<b>" * 3000,))
        until_indexed(page.client, 1001)
        assert page.memory() - before < 64 << 20
        assert page.client.get("/healthz").text == "ok\n"
        for each in (deaf, *many):
            each.close()


def test_new_events_are_told(house: House) -> None:
    log = Filled(house.log)
    log.put("gate")
    with ui(house) as page:
        until_indexed(page.client, 1)
        with page.client.stream("GET", "/api/v1/live?stream=yard") as live:
            lines = live.iter_lines()
            next(line for line in lines if line == "event: streams")
            log.put("gate")
            (event,) = log.put("yard", labels=("a\nb",))
            next(line for line in lines if line == "event: events")
            data = json.loads(next(lines).removeprefix("data: "))
        assert [found["event_id"] for found in data["events"]] == [event.event_id]
        assert data["events"][0]["objects"][0]["label"] == "a\nb"


def test_another_address_needs_the_token_that_is_printed(house: House) -> None:
    with ui(house, "--host", "0.0.0.0") as page:
        assert page.client.get("/api/v1/streams").status_code == 401
        assert page.client.post("/api/v1/login", json={"token": "guess"}).status_code == 401
        assert page.client.post("/api/v1/login", json={"token": page.said["token"]}).status_code == 204
        assert page.client.get("/api/v1/streams").status_code == 200


def test_a_token_of_a_file_is_not_printed(house: House) -> None:
    (house.path / "token").write_text("correct-horse-battery\n")
    with ui(house, "--token-file", house.path / "token") as page:
        assert page.said["token"] == ""
        assert page.client.get("/api/v1/streams").status_code == 401
        header = {"authorization": "Bearer correct-horse-battery"}
        assert page.client.get("/api/v1/streams", headers=header).status_code == 200


def test_a_port_that_is_taken_is_one_line(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = house.framehop("ui", "--log", house.log, "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: 127.0.0.1 port {port}: Address already in use")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("", ("127.0.0.1", None)),
        ("0.0.0.0", ("0.0.0.0", None)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:80", ("::1", 80)),
        ("::1", ("::1", None)),
        ("cam-host", ("cam-host", None)),
        (":0", ("127.0.0.1", 0)),
    ],
)
def test_an_address_for_the_page_is_understood(address: str, place: tuple[str, int | None]) -> None:
    found = page_options(ui=True, address=address)
    assert found is not None
    assert (found.host, found.port) == place


def test_an_address_that_is_none_is_refused() -> None:
    assert page_options(ui=False, address="") is None
    for address in ("host:", "host:http", "host:70000"):
        with pytest.raises(ConfigError, match="HOST:PORT"):
            page_options(ui=False, address=address)


@pytest.mark.parametrize("words", [["ui"], ["run", "testsrc", "--ui"]])
def test_a_missing_extra_is_named(house: House, words: list[str]) -> None:
    """It is named before anything starts, and only by commands that need it."""
    program = "import sys; sys.modules['uvicorn'] = None; from framehop.cli import main; main()"
    command = [sys.executable, "-c", program, *words, "--log", str(house.log)]
    done = subprocess.run(command, env=house.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "the page needs uvicorn: " in done.stderr
    assert "[web]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not house.log.exists()
