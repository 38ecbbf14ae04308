"""The waiting room: streams take turns, newer frames take the place of older ones, old ones are skipped, nothing is forgotten."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from framehop.decode import DecodeJob
from framehop.pipeline.worker import waiting
from framehop.pipeline.worker.waiting import Turn, WaitingRoom
from framehop.policies import StreamPolicies, parse_policies
from framehop.protocols import Tenure
from framehop.types import FrameMeta, Partition
from tests.frames import job_of, record_of

NOW_US = 1_700_000_000_000_000


def room_of(*policies: str, films: str = "film") -> WaitingRoom:
    def inter_coded(meta: FrameMeta) -> bool:
        return meta.key.stream.startswith(films)

    return WaitingRoom(StreamPolicies(parse_policies(policies)), inter_coded)


def frame(seq: int, stream: str = "gate", *, age_ms: int = 0, unwanted: str = "", partition: int = 0) -> DecodeJob:
    record = record_of(seq, stream=stream, received_us=NOW_US - age_ms * 1000, partition=partition, payload=b"12345")
    return job_of(record, unwanted=unwanted)


def put(room: WaitingRoom, *jobs: DecodeJob) -> list[tuple[int, str]]:
    return [(passed.job.record.meta.key.seq, passed.reason) for job in jobs for passed in room.put(job)]


def jobs(turn: Turn) -> list[tuple[str, int, str]]:
    return [(job.record.meta.key.stream, job.record.meta.key.seq, job.unwanted) for job in turn.jobs]


def skipped(turn: Turn) -> list[tuple[int, str]]:
    return [(passed.job.record.meta.key.seq, passed.reason) for passed in turn.passed]


def test_the_latest_frame_takes_the_place_of_the_one_that_waits() -> None:
    room = room_of("latest")
    assert put(room, frame(0), frame(1), frame(2)) == [(0, "not-newest"), (1, "not-newest")]
    assert jobs(room.turn(5, NOW_US)) == [("gate", 2, "")]
    assert room.is_empty


def test_a_frame_that_nobody_wants_takes_no_other_ones_place() -> None:
    room = room_of("latest")
    assert put(room, frame(0, "film"), frame(1, "film", unwanted="sample")) == []
    assert jobs(room.turn(1, NOW_US)) == [("film", 0, ""), ("film", 1, "sample")], "its decoder has to follow"


def test_a_frame_is_too_old_when_its_turn_comes_and_not_before() -> None:
    room = room_of("max_age_ms=500")
    put(room, frame(0, age_ms=501), frame(1, age_ms=500), frame(2, age_ms=400))
    turn = room.turn(1, NOW_US)
    assert (skipped(turn), jobs(turn)) == ([(0, "too-old")], [("gate", 1, "")])
    turn = room.turn(1, NOW_US + 100_001)
    assert (skipped(turn), jobs(turn)) == ([(2, "too-old")], [])
    assert room.is_empty


def test_old_frames_are_skipped_even_if_no_lane_is_free() -> None:
    room = room_of("max_age_ms=500")
    put(room, *(frame(seq, age_ms=1000) for seq in range(3)))
    assert skipped(room.turn(0, NOW_US)) == [(0, "too-old"), (1, "too-old"), (2, "too-old")]


def test_a_frame_from_the_future_is_not_too_old() -> None:
    room = room_of("max_age_ms=500")
    put(room, frame(0, age_ms=-7_200_000))
    assert jobs(room.turn(1, NOW_US)) == [("gate", 0, "")]


def test_each_stream_has_one_turn_before_any_has_another() -> None:
    room = room_of("busy=max_age_ms=9000", "latest")
    put(room, *(frame(seq, "busy") for seq in range(20)), frame(0, "a", age_ms=3), frame(0, "b", age_ms=2))
    assert [stream for stream, _, _ in jobs(room.turn(2, NOW_US))] == ["a", "b"]
    assert [stream for stream, _, _ in jobs(room.turn(1, NOW_US))] == ["busy"]
    assert [stream for stream, _, _ in jobs(room.turn(2, NOW_US))] == ["busy", "busy"], "it is alone now"


def test_a_frame_that_was_passed_over_and_grew_old_makes_way_for_one_that_has_just_come() -> None:
    room, soon_us = passed_over(2), NOW_US + waiting.FRESH_US + 1
    put(room, frame(0, "new", age_ms=-40))
    turn = room.turn(1, soon_us)
    assert (jobs(turn), skipped(turn)) == ([("new", 0, "")], [(1, "too-old")])
    assert room.is_empty


def test_no_frame_makes_way_while_a_lane_is_left_for_it() -> None:
    room, soon_us = passed_over(2), NOW_US + waiting.FRESH_US + 1
    put(room, frame(0, "new", age_ms=-40))
    turn = room.turn(2, soon_us)
    assert (jobs(turn), skipped(turn)) == ([("new", 0, ""), ("old", 1, "")], [])


def test_a_frame_that_grew_old_is_looked_at_if_no_other_has_just_come() -> None:
    assert jobs(passed_over(2).turn(1, NOW_US + 1_000_000)) == [("old", 1, "")]


def test_a_frame_that_grew_old_competes_with_others_for_some_turns() -> None:
    room = passed_over(1)
    put(room, frame(0, "new", age_ms=-1000))
    turn = room.turn(2, NOW_US + 1_000_000)
    assert (sorted(jobs(turn)), skipped(turn)) == ([("new", 0, ""), ("old", 1, "")], [])


def test_an_old_frame_of_another_policy_makes_no_way() -> None:
    room = passed_over(2, "old=max_age_ms=9000")
    put(room, frame(0, "new", age_ms=-1000))
    turn = room.turn(2, NOW_US + 1_000_000)
    assert (sorted(jobs(turn)), skipped(turn)) == ([("new", 0, ""), ("old", 1, "")], [])


def passed_over(turns: int, *policies: str) -> WaitingRoom:
    """A room with a frame of a stream that had a turn before, after that of so many others."""
    room = room_of(*policies, "latest")
    for seq, others in (0, 0), (1, turns):
        put(room, frame(seq, "old"), *(frame(0, f"other-{k}", age_ms=1) for k in range(others)))
        taken = jobs(room.turn(others or 1, NOW_US))
        assert ("old" in {stream for stream, _, _ in taken}) == (seq == 0)
    return room


def test_who_comes_late_begins_as_the_one_that_had_the_least() -> None:
    room = room_of("latest")
    for seq in range(50):
        put(room, frame(seq, "a"), frame(seq, "b"))
        assert len(room.turn(2, NOW_US).jobs) == 2
    put(room, frame(50, "a"), frame(50, "b"), frame(0, "c"))
    taken = []
    for seq in range(51, 81):
        taken += [stream for stream, _, _ in jobs(room.turn(1, NOW_US))]
        put(room, frame(seq, taken[-1]))
    assert set(Counter(taken).values()) == {10}


def test_who_was_not_there_is_owed_no_more_than_half_of_what_the_others_have_of_late() -> None:
    room, taken = room_of("latest"), list[str]()
    for seq in range(1000):
        put(room, frame(seq, "a"), *([] if 200 <= seq < 900 else [frame(seq, "b")]))
        taken += [stream for stream, _, _ in jobs(room.turn(1, NOW_US))]
    assert taken[:200].count("b") == 100
    ahead = next(k for k in range(100) if "a" in taken[900 + k : 902 + k])
    assert 0 < ahead <= waiting.HALF_LIFE


def looks_at(cameras: list[tuple[int, int]], *, in_a_second: int) -> dict[int, list[float]]:
    """Offer cameras for twenty seconds. Return how old the frames were that were looked at, in milliseconds, by camera. `cameras`:
    milliseconds between two frames, and before the first."""
    room, ages_ms = room_of("latest"), {camera: list[float]() for camera in range(len(cameras))}
    due = [
        (pace_ms * seq + phase_ms, camera, seq)
        for camera, (pace_ms, phase_ms) in enumerate(cameras)
        for seq in range(20_000 // pace_ms)
    ]
    free_ms = 0.0
    for at_ms, camera, seq in sorted(due):
        while free_ms < at_ms:
            for job in room.turn(1, NOW_US + round(free_ms * 1000)).jobs:
                meta = job.record.meta
                ages_ms[int(meta.key.stream)].append(free_ms - (meta.received_us - NOW_US) / 1000)
            free_ms += 1000 / in_a_second
        put(room, frame(seq, str(camera), age_ms=-at_ms))
    return ages_ms


def test_of_too_many_cameras_each_gets_about_the_same_and_most_of_it_in_time() -> None:
    looked = looks_at([(200, 37 * camera % 200) for camera in range(20)], in_a_second=70).values()
    assert min(map(len, looked)) >= 0.9 * max(map(len, looked))
    ages_ms = [age_ms for each in looked for age_ms in each]
    assert len(ages_ms) >= 0.99 * 70 * 20
    assert sum(age_ms > 50 for age_ms in ages_ms) < 0.1 * len(ages_ms)


def test_cameras_whose_frames_all_come_at_once_get_not_much_less_than_half_of_what_others_get() -> None:
    phases_ms = [*(2 * camera for camera in range(12)), *(40 + 20 * camera for camera in range(8))]
    counts = [len(each) for each in looks_at([(200, phase_ms) for phase_ms in phases_ms], in_a_second=70).values()]
    assert min(counts) >= 0.4 * max(counts), counts
    assert sum(counts) >= 0.9 * 70 * 20


SLOW_BESIDE_FAST = [(1000, 3), *((40, 7 * camera) for camera in range(5))]


def test_a_camera_that_sends_less_than_its_share_is_looked_at_soon() -> None:
    ages_ms = looks_at(SLOW_BESIDE_FAST, in_a_second=30)[0]
    assert len(ages_ms) == 20
    assert sorted(ages_ms)[17] < 50


def test_a_camera_that_sends_little_gets_as_much_as_others_where_all_get_less() -> None:
    counts = [len(each) for each in looks_at(SLOW_BESIDE_FAST, in_a_second=4).values()]
    assert counts[0] >= 0.9 * max(counts)


def test_a_film_comes_with_the_frames_that_its_wanted_one_may_need() -> None:
    room = room_of("latest")
    assert put(room, *(frame(seq, "film") for seq in range(4))) == []
    assert jobs(room.turn(1, NOW_US)) == [
        ("film", 0, "not-newest"),
        ("film", 1, "not-newest"),
        ("film", 2, "not-newest"),
        ("film", 3, ""),
    ]


def test_frames_of_a_film_wait_while_no_lane_is_free_for_the_one_that_is_wanted() -> None:
    room = room_of("latest")
    put(room, frame(0, "film"), frame(1, "film"))
    assert jobs(room.turn(0, NOW_US)) == []
    put(room, frame(2, "film"))
    assert [unwanted for _, _, unwanted in jobs(room.turn(1, NOW_US))] == ["not-newest", "not-newest", ""]


def test_a_film_that_is_too_old_is_decoded_on_so_that_it_catches_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "CATCH_UP", 3)
    room = room_of("max_age_ms=500")
    put(room, *(frame(seq, "film", age_ms=1000) for seq in range(5)))
    assert jobs(room.turn(0, NOW_US)) == [("film", seq, "too-old") for seq in range(3)]
    assert jobs(room.turn(0, NOW_US)) == [("film", seq, "too-old") for seq in (3, 4)]


def test_only_frames_of_some_partitions() -> None:
    room = room_of("latest")
    here, there = Partition("frames", 0), Partition("frames", 1)
    put(room, frame(0, "a"), frame(0, "b", partition=1), frame(0, "film-b", partition=1, unwanted="why"))
    assert room.holds({here})
    assert jobs(room.turn(9, NOW_US, {here})) == [("a", 0, "")]
    assert (room.holds({here}), room.holds({there})) == (False, True)


def test_frames_of_a_partition_that_comes_back_are_read_anew() -> None:
    room = room_of("latest")
    put(room, frame(0, "a"), frame(0, "b", partition=1))
    room.begin({Partition("frames", 0): Tenure(number=2, offset=0)})
    assert jobs(room.turn(9, NOW_US)) == [("b", 0, "")]
    assert room.is_empty


def test_a_stream_that_was_handed_over_and_comes_back_does_not_wait_for_the_turns_that_it_had_then() -> None:
    room, here = room_of("max_age_ms=9000"), Partition("frames", 0)
    put(room, *(frame(seq, "back") for seq in range(50)), frame(0, "stays", partition=1))
    assert len(room.turn(50, NOW_US, {here}).jobs) == 50
    room.forget({here})
    room.begin({here: Tenure(number=2, offset=50)})
    put(room, frame(50, "back"), *(frame(seq, "stays", partition=1) for seq in range(1, 9)))
    assert ("back", 50, "") in jobs(room.turn(2, NOW_US))


def test_it_is_full_by_bytes_and_empties_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 3 * (5 + waiting.OVERHEAD))
    room, full = room_of("max_age_ms=500", films="-"), list[bool]()
    for seq in range(3):
        put(room, frame(seq))
        full.append(room.is_full)
    room.turn(1, NOW_US)
    full.append(room.is_full)
    put(room, frame(3), frame(4))
    full.append(room.is_full)
    room.turn(0, NOW_US + 600_000)
    full.append(room.is_full)
    assert full == [False, False, True, False, True, False]


def test_frames_without_bytes_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 10_000)
    room = room_of("max_age_ms=500")
    put(room, *(job_of(record_of(seq, stream="film", received_us=NOW_US, payload=b"")) for seq in range(10)))
    assert room.is_full
    room.turn(10, NOW_US)
    assert room.is_empty
    assert not room.is_full


def test_of_a_stream_whose_newest_frame_counts_one_waits_at_any_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 3 * (5 + waiting.OVERHEAD))
    room = room_of("latest")
    put(room, *(frame(seq) for seq in range(1000)))
    assert not room.is_full


def test_every_frame_comes_out_once_and_films_in_their_order() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    room = room_of("*-l=latest", "*-m=max_age_ms=50", "all")
    streams = [f"{kind}-{policy}" for kind in ("film", "jpeg") for policy in "lma"]
    seqs, out = dict.fromkeys(streams, 0), dict[str, list[int]]()

    def note(found: list[tuple[str, int]]) -> None:
        for stream, seq in found:
            out.setdefault(stream, []).append(seq)

    for step in range(3000):
        now_us = NOW_US + step * 10_000
        if step < 2900:
            stream = chance.choice(streams)
            job = job_of(
                record_of(seqs[stream], stream=stream, received_us=now_us),
                unwanted="sample" if stream.startswith("film") and chance.random() < 0.3 else "",
            )
            seqs[stream] += 1
            note([(p.job.record.meta.key.stream, p.job.record.meta.key.seq) for p in room.put(job)])
        turn = room.turn(chance.choice([0, 0, 0, 1, 2]) if step < 2900 else 9, now_us)
        note([(p.job.record.meta.key.stream, p.job.record.meta.key.seq) for p in turn.passed])
        note([(stream, seq) for stream, seq, _ in jobs(turn)])
    assert room.is_empty
    for stream in streams:
        found = out[stream] if stream.startswith("film") else sorted(out[stream])
        assert found == list(range(seqs[stream]))
