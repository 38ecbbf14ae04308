"""A pipeline that ends by itself ends when its work is done, and not before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from framehop.errors import ClosedError, LogUnavailableError, SystemCallError
from framehop.log import LogAt
from framehop.pipeline.processes.messages import Beat, Finished
from framehop.pipeline.processes.source_messages import SourceNews, SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.supervisor import end_of_work
from framehop.pipeline.supervisor.end_of_work import EndOfWork
from framehop.pipeline.supervisor.group_progress import GroupLook, GroupProgress, frames_left
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.roles import IngestRole
from framehop.testing.memory_log import MemoryLog
from framehop.types import Partition, PartitionLag
from tests.logs import TIMEOUT_S, make_event, marks_after, read, write

FRAMES = Partition("frames", 0)


class Looks:
    """Answers as a log would, with each look in turn; notes what was asked for."""

    def __init__(self, *looks: GroupLook) -> None:
        self.looks = list(looks)
        self.asked: list[bool] = []

    def take(self) -> GroupLook | None:
        return self.looks.pop(0) if self.looks else None

    def ask(self, *, quiet: bool) -> None:
        self.asked.append(quiet)


def look(*, end: int = 5, committed: int = 5, quiet: bool = True, asked_s: float = 0.0) -> GroupLook:
    return GroupLook(asked_s=asked_s, quiet=quiet, ends={FRAMES: end}, committed={FRAMES: committed})


def film(stream: str) -> SourceOrder:
    return SourceOrder(stream=stream, source="a.mp4", rate="max", loop=1, since_us=1)


class Pipeline:
    """One finite source whose ingest and worker have done what `__init__` says."""

    def __init__(self, *, until_idle_s: float | None = None, with_sources: bool = True) -> None:
        self.roster = Roster()
        self.worker = Process("worker", "framehop.pipeline.worker.worker", 0)
        self.worker.ready = True
        self.ingest = IngestRole(LogAt.of("log"), self.roster, stays=False)
        self.end = EndOfWork(
            self.roster, self.ingest, [self.worker], with_sources=with_sources, until_idle_s=until_idle_s
        )

    def read(self) -> None:
        """Have ingest read a film to its end, and end."""
        self.roster.add(film("film"))
        self.roster.untold.begin()
        self.roster.note(SourceNews("film", 1, "ended"))
        self.ingest.wanted().finished = Finished()

    def reached(self, *looks: GroupLook) -> bool:
        return self.end.reached(cast("GroupProgress", Looks(*looks)))


def test_it_ends_once_the_log_has_all_of_the_sources_and_their_events() -> None:
    pipeline = Pipeline()
    pipeline.read()
    assert not pipeline.reached(look(committed=4)), "a frame has no event"
    assert not pipeline.reached(look(quiet=False)), "a worker was busy as the look was asked for"
    assert pipeline.reached(look())
    with pytest.raises(ClosedError):  # from now on nothing is taken that nobody would read
        pipeline.roster.add(film("late"))


def test_a_source_that_comes_after_the_look_keeps_it_going() -> None:
    pipeline = Pipeline()
    pipeline.read()
    pipeline.roster.add(film("late"))
    assert not pipeline.reached(look())


def test_a_source_whose_ingest_cannot_be_started_for_a_moment_keeps_it_going() -> None:
    """Its settings were made, by which the source counts as told."""
    pipeline = Pipeline()
    pipeline.read()
    pipeline.roster.add(film("late"))
    ingest = pipeline.ingest.wanted()
    pipeline.ingest.settings(ingest)
    ingest.put_off(SystemCallError("ingest-0 cannot be started: no file descriptors are left"))
    assert not pipeline.reached(look())
    pipeline.roster.check_open()


@pytest.mark.parametrize(("in_flight", "ready", "quiet"), [(0, True, True), (1, True, False), (0, False, False)])
def test_a_look_says_whether_the_workers_were_quiet_before_it(in_flight: int, ready: bool, quiet: bool) -> None:
    pipeline, looks = Pipeline(), Looks()
    pipeline.read()
    pipeline.worker.beat, pipeline.worker.ready = Beat(in_flight=in_flight), ready
    assert not pipeline.end.reached(cast("GroupProgress", looks))
    assert looks.asked == [quiet]


def test_it_is_idle_from_the_last_frame_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(end_of_work, "time", SimpleNamespace(monotonic=lambda: now.s))
    pipeline = Pipeline(until_idle_s=10.0, with_sources=False)
    ended = []
    for now.s, end in ((0.0, 5), (9.0, 5), (9.5, 6), (15.0, 6), (19.4, 6), (19.5, 6)):
        ended.append(pipeline.reached(look(end=end, committed=end, asked_s=now.s)))
    assert ended == [False, False, False, False, False, True]


def test_nothing_ends_a_pipeline_that_is_to_be_stopped() -> None:
    pipeline, looks = Pipeline(with_sources=False), Looks(look())
    assert not pipeline.end.reached(cast("GroupProgress", looks))
    assert looks.asked == []
    assert pipeline.end.due_s(0.0) is None


def test_nobody_waits_for_less_than_the_look_that_is_under_way() -> None:
    pipeline = Pipeline(until_idle_s=5.0, with_sources=False)
    pipeline.end.begin()
    assert pipeline.end.due_s(now_s=1e12) is not None, "the time is up, and nobody has looked"
    assert not pipeline.reached()
    assert pipeline.end.due_s(now_s=1e12) is None, (
        "a log that is away answers late, and the answer wakes the supervisor"
    )
    assert not pipeline.reached(look(end=6))
    assert pipeline.end.due_s(now_s=1e12) is not None


def test_what_is_left_is_what_the_group_has_still_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.pipeline.supervisor.group_progress.LEFT_LOOK_S", TIMEOUT_S)  # the machine may be slow
    with MemoryLog() as log, log.writer() as writer, log.consumer("detect-main", member="m") as consumer:
        write(writer, "gate", 5)
        records = read(consumer, 2)
        consumer.commit([make_event(record) for record in records[:2]], marks_after(records[:2]))
        assert frames_left(log, "detect-main") == 3


def test_a_log_that_is_away_says_nothing_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_group: str) -> list[PartitionLag]:
        raise LogUnavailableError("no broker")

    with MemoryLog() as log:
        monkeypatch.setattr(log, "lag", away)
        assert frames_left(log, "detect-main") == 0
