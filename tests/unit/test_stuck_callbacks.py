"""A callback of the program that does not return when the pipeline is to end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest

from framehop.errors import ProcessError
from framehop.log import LogAt, open_log
from framehop.pipeline import lifetime
from framehop.pipeline.callback import Callback
from framehop.pipeline.callback import stuck as named
from framehop.pipeline.lifetime import Lifetime
from framehop.pipeline.push import Pusher
from framehop.pipeline.supervisor.supervisor import Supervisor
from framehop.pipeline.supervisor_run import SupervisorRun
from framehop.types import EventRecord
from tests.logs import make_event, marks_after, read, write


class Stuck:
    """A callback that returns once it may."""

    def __init__(self) -> None:
        self.began, self.may_return = threading.Event(), threading.Event()

    def __call__(self, _value: object) -> None:
        self.began.set()
        self.may_return.wait()


@pytest.fixture
def stuck() -> Stuck:
    return Stuck()


class Calling:
    """Stands in for a supervisor: one that does nothing but call back once."""

    def __init__(self, call: Callback[int] | None = None) -> None:
        self.call = call

    def run(self, _stop: object) -> None:
        if self.call is not None:
            self.call(1)


def life_at(
    path: Path, supervisor: Calling, monkeypatch: pytest.MonkeyPatch, *calls: Callback[EventRecord]
) -> Lifetime:
    monkeypatch.setattr(lifetime, "DRAIN_GRACE_S", 0.1)
    monkeypatch.setattr(lifetime, "PIPELINE_END_S", 0.1)
    at = LogAt.of(path)
    run = SupervisorRun(cast(Supervisor, supervisor), before_end=lambda: None)
    return Lifetime(
        at,
        run,
        Pusher(at),
        lane="main",
        drain_s=0.0,
        create=True,
        calls=calls,
        waited_for=[supervisor.call] if supervisor.call else [],
        events_from_start=False,
    )


def test_one_that_the_pipeline_waits_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: Stuck
) -> None:
    life = life_at(tmp_path / "log", Calling(Callback("on_status", stuck)), monkeypatch)
    life.start()
    assert stuck.began.wait(60)
    with pytest.raises(ProcessError, match="does not end: on_status does not return; a callback should hand its work"):
        life.stop(None)
    stuck.may_return.set()
    assert life.wait(60)


def test_one_that_events_are_handed_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: Stuck, caplog: pytest.LogCaptureFixture
) -> None:
    until_called = Callback[int]("on_status", lambda _value: stuck.began.wait(60))
    life = life_at(tmp_path / "log", Calling(until_called), monkeypatch, Callback("on_event", stuck))
    life.start()
    add_an_event(tmp_path / "log")
    assert stuck.began.wait(60)
    life.stop(None)
    (said,) = caplog.messages
    assert said.startswith(
        f"the pipeline on {tmp_path / 'log'} has ended, but on_event does not return; a callback should"
    )
    stuck.may_return.set()
    assert life.wait(60)


def add_an_event(path: Path) -> None:
    with open_log(path) as log, log.writer() as writer, log.consumer("detect-main", member="m") as consumer:
        write(writer, "cam", 1)
        records = read(consumer, 1)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def test_one_that_has_returned_is_not_named() -> None:
    call = Callback[int]("on_status", lambda _value: None)
    call(1)
    assert named([call]) == ""
