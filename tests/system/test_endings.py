"""The end of a run when something around it ends: its reader, a source, a worker in the middle of the drain."""

from __future__ import annotations

import json
import signal

import pytest

import framehop
from framehop.errors import ConfigError, SourceError
from framehop.sources import parse_source
from framehop.sources.raster import MAX_FILE_BYTES
from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_model
from tests.waiting import until

SHAPES = "testsrc:?size=320x240&count=30"


def test_a_reader_that_goes_away_ends_the_run(house: House) -> None:
    run = house.start("run", "testsrc:?size=320x240", "--log", house.log, "--json")
    assert run.stdout is not None
    assert json.loads(run.stdout.readline())["seq"] == 0
    run.stdout.close()
    run.stdout = None
    _, stderr = run.communicate(timeout=30)
    assert run.returncode == 1
    assert b"Traceback" not in stderr


def test_a_source_that_fails_is_raised_after_the_last_event(house: House) -> None:
    with framehop.open_log(house.log) as log, log.writer() as other:
        other.open_stream("cam", source="another:", finite=False)
        seen: list[str] = []
        with pytest.raises(SourceError, match="cam: stream cam"):
            seen.extend(event.stream for event in framehop.run(f"cam={SHAPES}", SHAPES, log=house.log, rate="max"))
    assert seen == ["testsrc"] * 30, "all of the other stream"


def test_a_picture_that_cannot_be_had_is_a_failed_event_that_names_it(house: House) -> None:
    folder = house.path / "pictures"
    folder.mkdir()
    for name in ("0.jpg", "2.jpg"):
        (folder / name).write_bytes(next(iter(parse_source(SHAPES).pictures())).payload)
    with (folder / "1.jpg").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    events = list(framehop.run(f"cam={folder}", log=house.log, rate="max"))
    assert [event.outcome for event in events] == ["detected", "failed", "detected"]
    assert "1.jpg" in events[1].reason


def test_a_worker_that_dies_in_the_drain_is_not_started_again(house: House) -> None:
    report = house.path / "report.json"
    sources = [f"cam-{i}={SHAPES}" for i in range(4)]
    run = house.start("run", *sources, "--log", house.log, "--rate", "max", "--report", report)
    until(lambda: house.events() > 3, "first events", 60)
    worker = house.wait_for("worker-0")
    worker.suspend()
    run.send_signal(signal.SIGTERM)
    until(lambda: not house.processes("ingest-0"), "the workers' turn to drain", 10)
    worker.kill()
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 1, stderr.decode()
    assert b"the next start goes on there" in stderr
    said = json.loads(report.read_text())
    assert [incident["process"] for incident in said["incidents"]] == ["worker-0"]
    assert (said["drained"], said["status"]["restarts"]) == (False, 0)


@pytest.mark.parametrize("wrong", [{"loop": -1}, {"rate": 0.0}])
def test_options_that_cannot_be_are_refused_before_anything_starts(house: House, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        framehop.run(SHAPES, log=house.log, **wrong)  # type: ignore[call-overload]
    assert not house.log.exists()


def test_a_reports_place_is_checked_before_the_work(house: House) -> None:
    done = house.framehop("run", SHAPES, "--log", house.log, "--report", "nowhere/report.json")
    assert done.returncode == 1
    assert "nowhere/report.json" in done.stderr
    assert not house.log.exists()


def test_a_model_that_was_there_before_may_be_away_for_a_moment(house: House) -> None:
    """A model that is missing at the first start ends the run; see test_errors_are_lines_a_person_can_act_on."""
    folder = house.path / "model"
    folder.mkdir()
    write_model(folder, None)
    report = house.path / "report.json"
    run = house.start("run", f"cam={SHAPES}", "--log", house.log, "--rate", "10", "--model", folder, "--report", report)
    until(lambda: house.events() > 0, "a first event", 60)
    detector = house.wait_for("detector-0")
    folder.rename(house.path / "away")
    detector.kill()
    detector.wait(10)
    second = house.wait_for("detector-0")
    second.wait(30)
    (house.path / "away").rename(folder)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 0, stderr.decode()
    assert b"detector-0: there is no model " in stderr, "why it could not start"
    ends = [incident["exit_code"] for incident in json.loads(report.read_text())["incidents"]]
    assert ends[:2] == [None, 1]
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})
