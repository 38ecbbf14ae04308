"""Tests of a process's side of its supervisor: beats, and what it hears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NoReturn

import pytest

from framehop.errors import ProcessError
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat, Drain, Message
from framehop.pipeline.processes.source_messages import AddSource, RemoveSource, SourceOrder
from framehop.pipeline.processes.supervisor_link import SupervisorLink, unexpected


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Yield the supervisor's channel and the child's."""
    ours, sock = Channel.pair()
    with ours, Channel.from_fd(sock.detach()) as theirs:
        yield ours, theirs


def test_the_first_beat_is_due_at_once_and_the_next_is_not(ends: tuple[Channel, Channel]) -> None:
    supervisor, theirs = ends
    link = SupervisorLink(theirs, lambda: Beat(events=3))
    assert link.due_s == 0
    link.beat_if_due()
    link.beat_if_due()
    assert supervisor.receive() == [Beat(events=3)]
    assert link.due_s > 0


def test_a_beat_is_sent_before_it_is_due_when_there_is_reason(ends: tuple[Channel, Channel]) -> None:
    supervisor, theirs = ends
    counted = iter([1, 2])
    link = SupervisorLink(theirs, lambda: Beat(events=next(counted)))
    link.beat_if_due()
    assert link.beat()
    assert supervisor.receive() == [Beat(events=1), Beat(events=2)]


def test_all_that_was_said_is_heard_in_order(ends: tuple[Channel, Channel]) -> None:
    supervisor, theirs = ends
    link = SupervisorLink(theirs)
    assert link.heard() == []
    order = SourceOrder(stream="gate", source="testsrc:", rate="", loop=1, since_us=0)
    said: list[Message] = [AddSource(order), RemoveSource(order), Drain()]
    for message in said:
        supervisor.send(message)
    assert link.heard() == said


def test_it_ends_with_its_supervisor_once_everything_is_heard(
    ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(Exception):
        """The end of the process, as the test sees it."""

    def end() -> NoReturn:
        raise Ended

    monkeypatch.setattr(child, "end_with_supervisor", end)
    supervisor, theirs = ends
    link = SupervisorLink(theirs)
    with closing(supervisor):
        supervisor.send(Drain())
    assert link.heard() == [Drain()]
    with pytest.raises(Ended):
        link.heard()
    assert not link.beat()


def test_a_message_of_another_kind_is_named() -> None:
    with pytest.raises(ProcessError, match="unexpected control message Beat"):
        raise unexpected(Beat())
