"""Tests of the progress that a member's worker and its consumer's thread share."""

from __future__ import annotations

import threading
from collections.abc import ItemsView

from framehop.log.kafka.member_progress import MemberProgress
from framehop.log.kafka.output_records import Output
from framehop.log.kafka.start_offsets import StartOffset
from framehop.types import Partition
from tests.logs import TIMEOUT_S

P, Q = Partition("frames", 0), Partition("frames", 1)


def _output(name: str) -> Output:
    return Output(identity=name, topic="detections", partition=0, key="", record=(b"", []))


def _gained(*partitions: Partition, gaps: tuple[Output, ...] = ()) -> MemberProgress:
    """Return the progress of a member whose partitions all begin at offset 10."""
    progress = MemberProgress()
    progress.gain([StartOffset(partition=each, offset=10, oldest=0, committed=10) for each in partitions], gaps)
    return progress


def test_each_tenure_has_a_number_of_its_own() -> None:
    progress = _gained(P, Q)
    before = progress.tenures
    progress.drop([P])
    again = progress.gain([StartOffset(partition=P, offset=20, oldest=0, committed=20, metadata="m")], [])
    assert progress.owned == {P, Q}
    assert (again[P].offset, again[P].metadata) == (20, "m")
    assert again[P].number not in before.values()
    assert progress.tenures == {P: again[P].number, Q: before[Q]}


def test_it_rests_once_the_broker_knows_that_all_is_done() -> None:
    progress = _gained(P, Q)

    def at_rest() -> bool:
        return progress.at_rest

    assert at_rest()
    progress.hand_out(P, 10)
    assert not at_rest(), "the worker has the frame"
    progress.finish({P: 11}, progress.tenures, {})
    assert not at_rest(), "its offset is to be committed"
    progress.committed({P: 11})
    assert at_rest()
    progress.pass_over(Q, 10, 11, _output("letter"))
    progress.committed({Q: 11})
    assert not at_rest(), "an output is to be delivered"


def test_what_is_passed_over_is_committed_behind_its_output() -> None:
    progress = _gained(P)
    progress.pass_over(P, 10, 13, _output("three that were removed"))
    assert [output.identity for output in progress.outputs()] == ["three that were removed"]
    assert progress.due() == {P: (13, "")}
    assert progress.handed(P) == 13


def test_nothing_is_passed_over_twice_or_after_the_partition_went() -> None:
    progress = _gained(P)
    progress.pass_over(P, 10, 13, _output("first"))
    progress.pass_over(P, 11, 12, _output("again"))
    progress.pass_over(Q, 0, 5, _output("of another member"))
    assert [output.identity for output in progress.outputs()] == ["first"]


def test_frames_read_again_are_handed_out_and_change_no_offset() -> None:
    progress = _gained(P)
    progress.read_again({P: 4, Q: 0})
    assert [progress.hand_out(P, offset) for offset in (4, 5)] == [progress.tenures[P]] * 2
    assert (progress.handed(P), progress.unread(P), progress.positions()) == (6, 10, {P: 10})
    progress.skip(P, 8)
    progress.pass_over(P, 8, 9, _output("no frame, and said before"))
    assert (progress.outputs(), progress.due(), progress.pending()) == ([], {}, (False, False, 0))
    progress.skip(P, 12)  # from within what was read before to behind it
    assert (progress.unread(P), progress.due()) == (12, {P: (12, "")})


def test_the_metadata_of_the_last_commit_holds_until_a_frame_is_finished() -> None:
    progress = MemberProgress()
    progress.gain([StartOffset(partition=P, offset=10, oldest=0, committed=10, metadata="v1:4")], [])
    progress.skip(P, 12)
    assert progress.due() == {P: (12, "v1:4")}
    progress.hand_out(P, 12)
    progress.finish({P: 13}, progress.tenures, {P: "v1:12"})
    assert progress.due() == {P: (13, "v1:12")}


def test_only_outputs_that_were_delivered_go() -> None:
    progress = _gained(P, gaps=(_output("gap"),))
    taken = progress.outputs()
    progress.pass_over(P, 10, 11, _output("came meanwhile"))
    progress.delivered(len(taken), {P: 10})
    assert [output.identity for output in progress.outputs()] == ["came meanwhile"]
    assert progress.pending() == (True, True, 1)


def test_marks_of_a_tenure_that_has_ended_count_for_nothing() -> None:
    progress = _gained(P, Q)
    tenures = progress.tenures
    for offset in (10, 11):
        progress.hand_out(P, offset)
        progress.hand_out(Q, offset)
    progress.drop([P])
    progress.gain([StartOffset(partition=P, offset=10, oldest=0, committed=10)], [])
    progress.hand_out(P, 10)
    assert progress.finish({P: 11, Q: 12}, tenures, {Q: "m"}) == 2
    assert progress.due() == {Q: (12, "m")}


def test_who_waits_is_woken_when_the_broker_has_the_offsets() -> None:
    progress = _gained(P)
    progress.hand_out(P, 10)
    progress.finish({P: 11}, progress.tenures, {})
    woken = threading.Event()

    def wait() -> None:
        progress.wait_committed({P: 11}, 9 * TIMEOUT_S)
        woken.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    progress.committed({P: 11})
    thread.join(TIMEOUT_S)
    assert woken.is_set()
    assert progress.due() == {}
    assert progress.positions() == {P: 11}


class _Asked(dict[Partition, int]):
    """Marks that tell when they were looked at, which is under the lock of the progress."""

    def __init__(self, marks: dict[Partition, int]) -> None:
        super().__init__(marks)
        self.seen = threading.Event()

    def items(self) -> ItemsView[Partition, int]:  # type: ignore[override]
        self.seen.set()
        return ItemsView(self)


def test_nobody_waits_for_the_offsets_of_a_partition_that_went() -> None:
    progress, marks = _gained(P), _Asked({P: 11})
    thread = threading.Thread(target=progress.wait_committed, args=(marks, 9 * TIMEOUT_S), daemon=True)
    thread.start()
    assert marks.seen.wait(TIMEOUT_S)
    progress.drop([P])
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
