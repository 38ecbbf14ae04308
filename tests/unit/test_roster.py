"""The sources of a pipeline while they come, pause and go."""

from __future__ import annotations

import select

import pytest
from msgspec import structs

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.pipeline.processes.source_messages import (
    AddSource,
    Phase,
    RemoveSource,
    SourceHealth,
    SourceNews,
    SourceOrder,
    SourceTraits,
)
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.streams.untold import Change
from framehop.policies import Policy
from framehop.sources.expand import MAX_SOURCES


def order(stream: str, *, since_us: int = 1, source: str = "clip.mp4") -> SourceOrder:
    return SourceOrder(stream=stream, source=source, rate="max", loop=1, since_us=since_us)


def news(stream: str, phase: Phase, *, since_us: int = 1, error: str = "", acked: int = 0) -> SourceNews:
    return SourceNews(stream=stream, since_us=since_us, phase=phase, error=error, acked=acked)


def told(roster: Roster) -> list[Change]:
    """Return what ingest is told now."""
    changes: list[Change] = []

    def take(change: Change) -> bool:
        changes.append(change)
        return True

    roster.untold.tell(take)
    return changes


def phase(roster: Roster, stream: str) -> str:
    return roster.statuses()[stream].phase


def test_ingest_is_told_of_each_change_once_and_woken_for_it() -> None:
    roster = Roster()
    assert not select.select([roster.untold], [], [], 0)[0]
    roster.add(order("a"), order("b"))
    assert select.select([roster.untold], [], [], 0)[0]
    assert told(roster) == [AddSource(order("a")), AddSource(order("b"))]
    assert not select.select([roster.untold], [], [], 0)[0]
    assert told(roster) == []


def test_what_is_not_taken_comes_again_in_order() -> None:
    roster = Roster()
    roster.add(order("a"))
    roster.untold.tell(lambda _change: False)
    roster.remove("a")
    assert told(roster) == [AddSource(order("a")), RemoveSource(order("a"))]


def test_of_several_sources_all_or_none_are_added() -> None:
    roster = Roster()
    roster.add(order("b", source="rtsp://ward:secret@gate/1"))
    with pytest.raises(InvalidArgumentError, match=r"stream b has the source rtsp://ward@gate/1 already"):
        roster.add(order("a"), order("b"))
    assert set(roster.statuses()) == {"b"}


def test_there_is_a_bound() -> None:
    roster = Roster()
    roster.add(*(order(f"s{index}") for index in range(MAX_SOURCES)))
    with pytest.raises(InvalidArgumentError, match="too many for one ingest"):
        roster.add(order("more"))


def test_a_paused_source_is_not_read_but_keeps_its_order() -> None:
    roster = Roster()
    roster.add(order("a"), order("b"))
    roster.untold.begin()
    assert roster.pause("a")
    assert roster.pause("a"), "pausing twice is harmless"
    assert told(roster) == [RemoveSource(order("a"))]
    assert roster.untold.begin() == [order("b")], "a successor does not read it either"
    assert phase(roster, "a") == "paused"
    assert roster.resume("a")
    assert roster.resume("a"), "so is resuming twice"
    assert told(roster) == [AddSource(order("a"))]
    assert roster.untold.begin() == [order("a"), order("b")]


def test_a_paused_source_shows_what_became_of_its_last_frames() -> None:
    roster = Roster()
    roster.add(order("a"))
    roster.pause("a")
    since_us = roster.statuses()["a"].health.phase_since_us
    roster.note(news("a", "running", acked=7))
    status = roster.statuses()["a"]
    assert (status.phase, status.acked, status.health.phase_since_us) == ("paused", 7, since_us)
    roster.note(news("a", "ended", acked=8))
    assert phase(roster, "a") == "ended", "it came to its end before it could be paused"
    with pytest.raises(InvalidArgumentError, match="has ended"):
        roster.pause("a")


def test_a_source_that_has_failed_is_tried_again_when_paused_and_resumed() -> None:
    roster = Roster()
    roster.add(order("a"))
    roster.untold.begin()
    roster.note(news("a", "failed", error="gone"))
    roster.pause("a")
    roster.note(news("a", "failed", error="gone"))
    assert (phase(roster, "a"), roster.statuses()["a"].error) == ("paused", "")
    roster.resume("a")
    assert told(roster) == [RemoveSource(order("a")), AddSource(order("a"))]
    assert phase(roster, "a") == "waiting"


def test_changes_of_streams_that_are_not_there_are_refused_quietly() -> None:
    roster = Roster()
    assert not roster.remove("a")
    assert not roster.pause("a")
    assert not roster.resume("a")


def test_each_change_of_a_phase_is_said() -> None:
    said: list[tuple[str, str]] = []
    roster = Roster(lambda status: said.append((status.stream, status.phase)))
    roster.add(order("a"))
    roster.note(news("a", "running"))
    roster.note(news("a", "running", acked=1))
    roster.pause("a")
    roster.note(news("a", "running", acked=2))
    roster.resume("a")
    assert said == [("a", "running"), ("a", "paused"), ("a", "waiting")]


def test_no_status_has_a_password() -> None:
    address = "rtsp://ward:s%40cret@gate/1"
    roster = Roster()
    roster.add(order("a", source=address))
    said = f"cannot open {address}: s@cret is refused"
    roster.note(structs.replace(news("a", "failed", error=said), health=SourceHealth(last_error=said)))
    status: StreamStatus = roster.statuses()["a"]
    assert status.source == "rtsp://ward@gate/1"
    assert status.error == status.health.last_error == "cannot open rtsp://ward@gate/1: *** is refused"
    assert "cret" not in repr(status)


@pytest.mark.parametrize("why", ["endless", "paused", "untold"])
def test_it_stays_open_while_the_pipeline_has_to_go_on(why: str) -> None:
    roster = Roster()
    roster.add(order("a"), endless=["a"] if why == "endless" else [])
    if why != "untold":
        roster.untold.begin()
    if why == "paused":
        roster.pause("a")
    assert not roster.try_close()
    roster.add(order("b"))


@pytest.mark.parametrize(
    ("fate", "stays"), [("ended", True), ("retrying", True), ("removed", True), ("replaced", True), ("failed", False)]
)
def test_a_source_without_end_keeps_the_pipeline_going_unless_it_fails(fate: str, stays: bool) -> None:
    roster = Roster()
    roster.add(order("a"), order("film"), endless=["a"])
    roster.untold.begin()
    roster.note(news("film", "ended"))
    match fate:
        case "removed" | "replaced":
            roster.remove("a")
            if fate == "replaced":
                roster.add(order("a", since_us=2))
                roster.untold.begin()
        case "ended" | "retrying" | "failed":
            roster.note(news("a", fate))
    assert roster.stays == stays
    assert roster.try_close() == (not stays)


def test_a_stream_without_end_may_have_been_removed_before_it_is_named() -> None:
    """A file is read anew while a command removes one of its streams."""
    roster = Roster()
    roster.add(order("a"), endless=["a", "removed"])
    roster.untold.begin()
    roster.note(news("a", "failed"))
    assert not roster.stays


@pytest.mark.parametrize("asked", [True, False])
def test_once_it_is_closed_nothing_is_lost_without_a_word(asked: bool) -> None:
    roster = Roster()
    roster.add(order("a"))
    if asked:
        roster.close()
    else:
        roster.untold.begin()
        assert roster.try_close()
    with pytest.raises(ClosedError, match="is ending"):
        roster.add(order("b"))
    roster.pause("a")
    with pytest.raises(ClosedError, match="is ending"):
        roster.resume("a")


def test_a_source_that_an_ending_process_was_told_of_is_told_again() -> None:
    roster = Roster()
    roster.add(order("a"))
    roster.untold.begin()
    roster.note(news("a", "ended"))
    roster.add(order("b"))
    assert told(roster) == [AddSource(order("b"))], "which the process no longer hears"
    wanted = [roster.untold.wants_ingest]
    roster.untold.tell_again()
    assert [*wanted, roster.untold.wants_ingest] == [False, True]
    assert told(roster) == [AddSource(order("b"))]


def test_a_policy_goes_with_its_source_and_ingest_is_not_told_of_it() -> None:
    roster = Roster()
    latest, slow = Policy.parse("latest"), Policy.parse("fps=2")
    roster.add(order("a"), order("b"), policies={"a": latest})
    roster.untold.begin()
    assert roster.traits() == [SourceTraits("a", policy=latest), SourceTraits("b")]
    assert roster.judge("b", slow)
    assert select.select([roster.untold], [], [], 0)[0], "the supervisor is woken, as workers have to be told"
    assert told(roster) == []
    roster.remove("a")
    assert not roster.judge("a", slow)
    roster.add(order("a", since_us=2))
    assert roster.traits() == [SourceTraits("b", policy=slow), SourceTraits("a")]


def test_workers_hear_whether_a_source_says_itself_that_it_is_tracked() -> None:
    roster = Roster()
    roster.add(structs.replace(order("a"), track="byte"), order("b"))
    assert roster.traits() == [SourceTraits("a", track="byte"), SourceTraits("b")]


def test_health_is_shown_as_ingest_knows_it() -> None:
    roster = Roster()
    roster.add(order("a"))
    health = SourceHealth(codec="h264", fps=24.8, declared_fps=25.0, reconnects=2, next_try_us=9)
    roster.note(SourceNews(stream="a", since_us=1, phase="retrying", error="away", health=health))
    assert roster.statuses()["a"].health == health
