"""The intake and films: suspects keep their place, replayed frames are decoded and not answered, nothing held is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeJob
from framehop.decode.resume import ResumePoints
from framehop.pipeline.processes.settings import Suspect
from framehop.pipeline.worker import in_flight
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.intake import Intake
from framehop.pipeline.worker.models import DetectorModels
from framehop.pipeline.worker.outcomes import make_event
from framehop.policies import Policy, StreamPolicies, parse_policies
from framehop.protocols import FrameConsumer, Tenure
from framehop.timing import Deadline, now_us
from framehop.types import Event, FramePointer, FrameRecord
from tests.films import film, moved, with_meta
from tests.worker_settings import settings_of

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

SLOTS = 64


class _Consumer:
    """Gives its records, three at a time, and then nothing; closes the intake when it has given nothing `idle` times."""

    def __init__(self, records: list[FrameRecord], in_flight: InFlight, *, idle: int) -> None:
        self._records, self._in_flight, self._idle = records, in_flight, idle

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        taken, self._records = self._records[:3], self._records[3:]
        if not taken:
            self._idle -= 1
            if self._idle < 0:
                self._in_flight.close_intake()
        if not max_frames:  # it only holds its membership, since the intake is closed
            self._in_flight.stopping.set()
        return taken


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[_core.Ring]:
    with _core.Ring.create(str(tmp_path / "ring"), slots=SLOTS, slot_bytes=1 << 16) as ring:
        yield ring


Take = Callable[..., tuple[dict[int, str], list[int]]]


@pytest.fixture
def take(ring: _core.Ring) -> Take:
    """Run an intake over records; return the events' outcome and reason by offset, and the offsets decoded, in their order."""

    def take(
        jobs: list[DecodeJob],
        *,
        suspects: dict[int, int] | None = None,
        tenure: Tenure | None = None,
        idle: int = 1,
        resume: ResumePoints | None = None,
        policies: dict[str, Policy] | None = None,
    ) -> tuple[dict[int, str], list[int]]:
        settings = settings_of(
            suspects=[Suspect(jobs[k].record.meta.key, n) for k, n in (suspects or {}).items()], decode_threads=4
        )
        resume, models = resume or ResumePoints(), DetectorModels()
        models.known.set()
        with InFlight() as in_flight:
            partition = jobs[0].record.meta.pointer.topic_partition
            resume.begin({partition: tenure or Tenure(number=1, offset=0)})
            in_flight.begin({partition: tenure or Tenure(number=1, offset=0)})
            consumer = cast(FrameConsumer, _Consumer([job.record for job in jobs], in_flight, idle=idle))
            Intake(
                consumer,
                ring,
                in_flight,
                models,
                settings,
                policies=StreamPolicies(policies or {}),
                resume=resume,
                writer="w",
            ).run()
            in_flight.raise_failure()
            in_flight.stopping.clear()
            return _events(in_flight, decoded := in_flight.take_decoded()), [_offset(each) for each in decoded]

    return take


def _offset(decoded: Decoded) -> int:
    return decoded.record.meta.pointer.offset


def _events(in_flight: InFlight, decoded: list[Decoded]) -> dict[int, str]:
    """Complete what was decoded, and return what is to be committed."""
    answers = {_offset(each): each.record for each in decoded}
    for record in answers.values():
        in_flight.complete(_event(record), record.tenure)
    batch = in_flight.wait_batch()
    assert batch is not None
    return {event.frame.offset: f"{event.outcome} {event.reason}".strip() for event in batch.events}


def _event(record: FrameRecord) -> Event:
    return make_event(record.meta, lane="main", writer="w", outcome="detected")


def test_what_is_held_back_comes_out_when_nothing_new_comes(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    events, decoded = take(jobs)
    assert events == dict.fromkeys(range(20), "detected")
    assert sorted(decoded) == list(range(20))


def test_and_when_the_intake_is_closed(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    events, _ = take(jobs, idle=0)
    assert len(events) == 20


def test_and_when_the_window_is_full_of_frames_that_wait_for_it(
    tmp_path: Path, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "WINDOW", 1)
    events, _ = take(film(tmp_path / "film.mp4", 20, bframes=3))
    assert events == dict.fromkeys(range(3), "detected")


def test_a_suspect_is_decoded_alone_and_in_its_place(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    events, decoded = take(jobs, suspects={1: 1, 2: 2, 8: 1})
    assert events == dict.fromkeys(range(20), "detected")
    assert sorted(decoded) == list(range(20))


def test_a_picture_that_kills_decoders_is_given_up_and_its_group_heals_at_the_next_key_frame(
    tmp_path: Path, take: Take
) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    neighbour = moved(jobs, stream="other")
    both = [job for pair in zip(jobs, neighbour, strict=True) for job in pair]
    line = [with_meta(job, pointer=_at(job, offset)) for offset, job in enumerate(both)]
    events, _ = take(line, suspects={8: 3})  # the fifth of its stream
    assert events.pop(8) == "failed decoder_crash: the decoder died 3 times on this picture"
    assert all(events.pop(offset).startswith("failed corrupt_picture: decode: ") for offset in range(10, 20, 2))
    assert set(events.values()) == {"detected"}
    assert len(events) == 34


def test_a_key_frame_that_is_refused_is_no_place_to_begin(tmp_path: Path, take: Take) -> None:
    """A successor that began there would skip what follows it; as it is, that fails there too."""
    jobs, resume = film(tmp_path / "film.mp4", 20), ResumePoints()
    events, _ = take(jobs, suspects={10: 3}, resume=resume)
    assert [events[offset].partition(" ")[0] for offset in (9, 10, 11)] == ["detected", "failed", "failed"]
    partition = jobs[0].record.meta.pointer.topic_partition
    assert resume.metadata({partition: 15}, {partition: 1}) == {partition: "v1:0"}


def test_frames_that_were_answered_are_decoded_again_and_get_no_event(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    events, decoded = take(jobs, tenure=Tenure(number=1, offset=7, metadata="v1:0"))
    assert events == dict.fromkeys(range(7, 20), "detected")
    assert sorted(decoded) == list(range(7, 20))


def test_frames_of_a_group_whose_key_frame_is_gone_are_skipped(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20)
    events, _ = take(jobs[4:])
    assert [events[offset] for offset in range(4, 10)] == ["skipped no-keyframe"] * 6
    assert [events[offset] for offset in range(10, 20)] == ["detected"] * 10


def test_of_a_film_every_third_frame_is_looked_at(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    events, decoded = take(jobs, policies=parse_policies(["every_n=3"]))
    assert sorted(decoded) == list(range(0, 20, 3))
    assert events == {k: "skipped every-n" if k % 3 else "detected" for k in range(20)}


def test_of_a_film_only_key_frames_are_looked_at_and_come_out_at_once(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 30, bframes=3)
    events, decoded = take(jobs, policies=parse_policies(["key-frames-only"]))
    assert decoded == [0, 10, 20]
    assert events == {k: "skipped not-a-key-frame" if k % 10 else "detected" for k in range(30)}


def test_of_a_film_that_is_late_the_newest_frames_are_looked_at(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 30, bframes=3)
    events, decoded = take(jobs, policies=parse_policies(["latest"]))
    assert set(events) == set(range(30)), "each has its event"
    assert set(events.values()) == {"detected", "skipped not-newest"}
    assert {k for k, event in events.items() if event == "detected"} == set(decoded)
    assert 29 in decoded


def test_frames_that_were_answered_are_decoded_again_under_a_policy_too(tmp_path: Path, take: Take) -> None:
    jobs = film(tmp_path / "film.mp4", 20, bframes=3)
    events, decoded = take(
        jobs, tenure=Tenure(number=1, offset=7, metadata="v1:0"), policies=parse_policies(["latest"])
    )
    assert set(events) == set(range(7, 20))
    assert min(decoded) >= 7


def test_frames_that_were_answered_do_not_tell_how_far_it_is_behind(
    tmp_path: Path, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film that is gone on with reads from its key frame again, hours later."""
    told: list[float] = []
    take_up = Intake._behind

    def noted(self: Intake, records: list[FrameRecord]) -> None:
        take_up(self, records)
        told.append(self.behind_s)

    monkeypatch.setattr(Intake, "_behind", noted)
    jobs = film(tmp_path / "film.mp4", 12)
    fresh = [with_meta(job, received_us=now_us() + 60_000_000) for job in jobs[9:]]
    take(jobs[:9] + fresh, tenure=Tenure(number=1, offset=9, metadata="v1:0"))
    assert len(told) > 3
    assert max(told) == 0.0


def test_frames_of_a_film_that_are_too_old_are_all_skipped_and_those_of_another_are_not(
    tmp_path: Path, take: Take
) -> None:
    old = film(tmp_path / "film.mp4", 20, bframes=3)
    fresh = [
        with_meta(job, received_us=now_us() + 60_000_000) for job in moved(old, stream="fresh")
    ]  # however slow this machine is
    line = [with_meta(job, pointer=_at(job, k)) for k, job in enumerate(_in_turn(old, fresh))]
    events, decoded = take(line, policies=parse_policies(["max_age_ms=1000"]))
    assert events == {k: "detected" if k % 2 else "skipped too-old" for k in range(40)}
    assert sorted(decoded) == list(range(1, 40, 2))


def _in_turn(one: list[DecodeJob], other: list[DecodeJob]) -> list[DecodeJob]:
    return [job for pair in zip(one, other, strict=True) for job in pair]


def test_partitions_are_given_up_in_time_though_no_slot_is_free(tmp_path: Path, ring: _core.Ring) -> None:
    """The detector may be dead: what is held back is left to the partitions' next owner."""
    jobs = film(tmp_path / "film.mp4", 8, bframes=3)
    partition = jobs[0].record.meta.pointer.topic_partition
    resume, models = ResumePoints(), DetectorModels()
    with InFlight() as in_flight:
        resume.begin({partition: Tenure(number=1, offset=0)})
        in_flight.begin({partition: Tenure(number=1, offset=0)})
        consumer = cast(FrameConsumer, _Consumer([], in_flight, idle=0))
        intake = Intake(
            consumer,
            ring,
            in_flight,
            models,
            settings_of(decode_threads=1),
            policies=StreamPolicies({}),
            resume=resume,
            writer="w",
        )
        intake._take([job.record for job in jobs])
        before = len(in_flight.take_decoded())
        assert before < len(jobs)
        taken = [ring.try_acquire(_core.FrameTag("other", 1, k, 0, 0)) for k in range(ring.free_slots())]
        assert ring.free_slots() == 0
        intake.hand_over(frozenset({partition}), Deadline.after(0.0))
        in_flight.wait_committed(frozenset({partition}), Deadline.after(0.0))
        assert (in_flight.take_decoded(), in_flight.idle) == ([], True)
        del taken


def _at(job: DecodeJob, offset: int) -> FramePointer:
    return replace(job.record.meta.pointer, offset=offset)
