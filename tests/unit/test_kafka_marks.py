from __future__ import annotations

from framehop.log.kafka.marks import Marks
from framehop.types import Partition

P = Partition("frames", 0)


def _owned(start: int, handed: int) -> Marks:
    marks = Marks()
    marks.assign(P, start, start)
    for offset in range(start, handed):
        assert marks.hand_out(P, offset)
    return marks


def test_a_frame_of_an_ownership_before_is_stale() -> None:
    marks = _owned(10, 12)
    assert marks.stale(P, 9)
    assert not marks.stale(P, 10)
    assert marks.stale(P, 12)
    marks.drop([P])
    assert marks.stale(P, 10)


def test_a_frame_that_was_done_while_it_was_redone_is_stale() -> None:
    """The partition was lost and came back with the same frames before the commit of the first time got through."""
    marks = _owned(10, 14)
    marks.finish({P: 14}, {})
    assert [offset for offset in range(10, 14) if not marks.stale(P, offset)] == []


def test_a_frame_is_handed_out_once() -> None:
    marks = _owned(10, 12)
    assert not marks.hand_out(P, 11)
    assert not marks.hand_out(Partition("frames", 1), 0)


def test_what_holds_no_frames_is_passed_once_the_frames_before_are_done() -> None:
    marks = _owned(10, 12)
    marks.skip(P, 20)
    assert marks.due() == {}
    marks.finish({P: 11}, {})
    assert marks.due() == {P: (11, "")}
    marks.finish({P: 12}, {})
    assert marks.due() == {P: (20, "")}
