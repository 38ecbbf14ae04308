"""The key frames that a commit keeps: those of its own tenure, of streams that still go on, and not ever more of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from framehop.decode import resume
from framehop.decode.resume import MAX_GROUP_US, ResumePoints, resume_offset
from framehop.protocols import Tenure
from framehop.types import FrameMeta, FrameRecord, Partition
from tests.frames import record_of

P = Partition("frames", 0)
NOW_US = 1_795_354_262_000_000
GROUP = 10


def record(
    offset: int, *, stream: str = "cam", tenure: int = 1, at_us: int | None = None, received_us: int = NOW_US
) -> FrameRecord:
    """A frame of a film with a key frame at each tenth offset, which are a millisecond apart."""
    at_us = NOW_US + 1000 * offset if at_us is None else at_us
    return record_of(
        offset,
        stream=stream,
        tenure=tenure,
        captured_us=at_us,
        received_us=received_us,
        appended_us=at_us,
        content_type="video/h264",
        keyframe=offset % GROUP == 0,
    )


def points(tenure: int = 1, first: int = 0) -> ResumePoints:
    found = ResumePoints()
    found.begin({P: Tenure(number=tenure, offset=first)})
    return found


def kept(found: ResumePoints, mark: int, tenure: int = 1) -> str:
    return found.metadata({P: mark}, {P: tenure}).get(P, "")


def test_a_mark_of_an_old_tenure_takes_no_key_frame_from_the_next() -> None:
    """A commit that waits for a broker may outlive its tenure, and is tried again after the next has begun."""
    found = points()
    for offset in range(40):
        found.note(record(offset), inter_coded=True)
    found.begin({P: Tenure(number=2, offset=15, metadata="v1:10")})
    for offset in range(10, 40):
        found.note(record(offset, tenure=2), inter_coded=True)
    assert kept(found, 35) == "", "it is refused in any case"
    assert kept(found, 18, tenure=2) == "v1:10"


def test_a_frame_that_was_polled_under_an_old_tenure_is_not_of_the_next() -> None:
    found = points()
    found.begin({P: Tenure(number=2, offset=15, metadata="v1:10")})
    found.note(record(20), inter_coded=True)
    assert not found.is_replayed(record(14))
    assert found.is_replayed(record(14, tenure=2))
    for offset in range(10, 16):
        found.note(record(offset, tenure=2), inter_coded=True)
    assert kept(found, 11, tenure=2) == "v1:10"


@pytest.mark.parametrize(("inter_coded", "left"), [(False, "v1:11"), (True, "v1:10")])
def test_a_film_that_ended_holds_nothing_back_while_its_partition_goes_on(inter_coded: bool, left: str) -> None:
    """It holds nothing back even if all the others are JPEGs, which need no others."""
    found = points()
    for offset in range(5):
        found.note(record(offset), inter_coded=True)
    later_us = record(4).meta.appended_us + MAX_GROUP_US
    found.note(record(5, stream="other", at_us=later_us), inter_coded=inter_coded)
    assert kept(found, 6) == "v1:0"
    found.note(record(10, stream="other", at_us=later_us + 1), inter_coded=inter_coded)
    assert kept(found, 11) == left


def test_the_clocks_of_hosts_do_not_matter() -> None:
    """A host that is an hour ahead makes no stream of another host seem silent."""
    found = points()
    for offset in range(0, 6, 2):
        found.note(record(offset), inter_coded=True)
        found.note(record(offset + 1, stream="ahead", received_us=NOW_US + 60 * MAX_GROUP_US), inter_coded=True)
    assert kept(found, 6) == "v1:0"


def test_a_commit_that_needs_no_key_frame_says_so() -> None:
    """Else it could not be told from one of another client."""
    found = points()
    found.note(record(0), inter_coded=False)
    assert kept(found, 1) == "v1:1"


def beginning(tenure: Tenure, records: list[FrameRecord]) -> int:
    def look_back(partition: Partition, offset: int, within_us: int) -> list[FrameMeta]:
        assert (partition, within_us) == (P, MAX_GROUP_US)
        return [each.meta for each in records if each.meta.pointer.offset < offset]

    return resume_offset(P, tenure, look_back)


@pytest.mark.parametrize("metadata", ["", "v1:", "v1:-3", "v1:26", "v2:10", "somebody else's"])
def test_where_the_last_commit_says_nothing_the_log_is_looked_at(metadata: str) -> None:
    records = [record(offset) for offset in range(40)]
    assert beginning(Tenure(number=3, offset=25, metadata=metadata), records) == 20
    assert beginning(Tenure(number=3, offset=20, metadata=metadata), records) == 10


def with_key_frames(keys: set[int], count: int) -> list[FrameRecord]:
    found = map(record, range(count))
    return [replace(each, meta=replace(each.meta, keyframe=each.meta.key.seq in keys)) for each in found]


def test_the_second_field_of_a_key_frame_is_no_place_to_begin() -> None:
    """The two are frames of their own, and both say that decoding can begin there."""
    fields, found = with_key_frames({0, 1, 10, 11, 20, 21}, 30), points()
    for each in fields:
        found.note(each, inter_coded=True)
    assert kept(found, 15) == "v1:10"
    assert kept(found, 25) == "v1:20"
    assert beginning(Tenure(number=3, offset=25), fields) == 20


def test_where_all_are_key_frames_few_are_read_again() -> None:
    every, found = with_key_frames(set(range(30)), 30), points()
    for each in every:
        found.note(each, inter_coded=True)
    assert kept(found, 25) == "v1:22"


def test_what_the_last_commit_says_is_believed() -> None:
    assert beginning(Tenure(number=3, offset=25, metadata="v1:10"), []) == 10
    assert beginning(Tenure(number=3, offset=25, metadata="v1:25"), [record(20)]) == 25


def test_a_log_that_begins_after_the_key_frame_is_read_from_the_committed_offset() -> None:
    assert beginning(Tenure(number=3, offset=25), [record(offset) for offset in range(21, 40)]) == 25


def test_jpegs_and_what_is_no_picture_are_no_place_to_begin() -> None:
    jpegs = [replace(each, meta=replace(each.meta, content_type="image/jpeg")) for each in map(record, range(25))]
    assert beginning(Tenure(number=3, offset=25), jpegs) == 25
    broken = record(20)
    records = [*map(record, range(20)), replace(broken, meta=replace(broken.meta, error="corrupt_picture: x"))]
    assert beginning(Tenure(number=3, offset=25), records) == 10


def test_time_stamps_that_never_rise_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "MAX_KEYS", 3)
    found = points()
    for offset in range(0, 100, GROUP):
        found.note(record(offset, at_us=NOW_US), inter_coded=True)
    assert kept(found, 91) == "v1:70"
