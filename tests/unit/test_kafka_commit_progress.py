from __future__ import annotations

from framehop.log.kafka.commit_progress import CommitProgress
from framehop.types import Partition

P = Partition("frames", 0)


def _owned(start: int, handed: int) -> CommitProgress:
    marks = CommitProgress()
    marks.assign(P, start, start)
    for offset in range(start, handed):
        assert marks.hand_out(P, offset) is not None
    return marks


def test_every_tenure_has_a_larger_number() -> None:
    marks = CommitProgress()
    first = marks.assign(P, 10, 10)
    assert marks.hand_out(P, 10) == first
    marks.drop([P])
    assert marks.tenures == {}
    second = marks.assign(P, 10, 10)
    assert second > first
    assert marks.tenures == {P: second}
    assert marks.hand_out(P, 10) == second


def test_a_frame_is_handed_out_once() -> None:
    marks = _owned(10, 12)
    assert marks.hand_out(P, 11) is None
    assert marks.hand_out(Partition("frames", 1), 0) is None


def test_what_holds_no_frames_is_passed_once_the_frames_before_are_done() -> None:
    marks = _owned(10, 12)
    marks.skip(P, 20)
    assert marks.due() == {}
    marks.finish({P: 11}, {})
    assert marks.due() == {P: (11, "")}
    marks.finish({P: 12}, {})
    assert marks.due() == {P: (20, "")}
