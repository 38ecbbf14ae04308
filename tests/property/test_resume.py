"""Wherever a worker dies, its successor gives every frame the fate that it would have had anyway: decoding resumes where the
commit's metadata says, for any mix of streams in a partition, any groups of pictures, and any number of deaths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framehop import _core
from framehop.decode import DecodeJob, DecodeOptions
from framehop.decode.resume import ResumePoints, resume_offset
from framehop.protocols import Tenure
from framehop.types import FrameKey, FrameMeta, Partition
from tests.films import CLOSED, OPEN, Fate, Watcher, film, moved, taker, with_meta

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode.video import VideoFrames

P = Partition("frames", 0)
OPTIONS = DecodeOptions(threads=1, max_pixels=1 << 20)
LENGTH = 36
KINDS = [
    ("libx264", CLOSED, 0),
    ("libx264", CLOSED, 3),
    ("libx264", OPEN, 3),
    ("libx264", "keyint=7:min-keyint=7:scenecut=0:open-gop=1:b-pyramid=normal", 2),
    ("libx264", "keyint=12:min-keyint=12:scenecut=0:intra-refresh=1", 0),
    ("libx265", "keyint=9:min-keyint=9:open-gop=1", 3),
]


class Worker:
    """Decodes one tenure of a partition, from where the last commit said."""

    def __init__(
        self, partition: list[DecodeJob], tenure: Tenure, watcher: Watcher, ring: _core.Ring, *, batch: int
    ) -> None:
        self._batch = batch
        self._partition, self._tenure, self._watcher, self._ring = partition, tenure, watcher, ring
        self._points = ResumePoints()
        self._points.begin({P: tenure})
        self._frames = VideoFrames(OPTIONS)

    def live(self, until: int) -> dict[FrameKey, Fate]:
        """Read up to offset `until`; return the fates of what was not answered before."""
        self._watcher.fates.clear()
        for begin in range(resume_offset(P, self._tenure, self._before), until, self._batch):
            jobs = [self._job(job) for job in self._partition[begin : min(until, begin + self._batch)]]
            self._watcher.watch(self._frames.decode(jobs, taker(self._ring)))
        self._watcher.watch(self._frames.drain(taker(self._ring)))
        first = {job.record.meta.key for job in self._partition[self._tenure.offset :]}
        return {key: fate for key, fate in self._watcher.fates.items() if key in first}

    def _before(self, partition: Partition, offset: int, within_us: int) -> list[FrameMeta]:
        return [job.record.meta for job in self._partition[:offset]]

    def _job(self, job: DecodeJob) -> DecodeJob:
        record = replace(job.record, tenure=self._tenure.number)
        replayed = self._points.is_replayed(record)
        assert replayed == (record.meta.pointer.offset < self._tenure.offset)
        self._points.note(record, inter_coded=True)
        return replace(job, record=record, unwanted="replayed" if replayed else "")

    def commit(self, mark: int, *, by_others: bool) -> Tenure:
        """Return the successor's tenure. `by_others`: another client has moved the group, and its commit keeps nothing."""
        metadata = "" if by_others else self._points.metadata({P: mark}, {P: self._tenure.number}).get(P, "")
        return Tenure(number=self._tenure.number + 1, offset=mark, metadata=metadata)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[list[DecodeJob]]:
    folder = tmp_path_factory.mktemp("films")
    return [
        film(folder / f"{k}.mp4", LENGTH, codec=codec, params=params, bframes=bframes)
        for k, (codec, params, bframes) in enumerate(KINDS)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[_core.Ring, _core.RingReader]]:
    path = str(tmp_path_factory.mktemp("ring") / "ring")
    with (
        _core.Ring.create(path, slots=4, slot_bytes=1 << 16) as ring,
        _core.RingReader.attach(ring.path, role="detector") as reader,
    ):
        yield ring, reader


def interleaved(streams: list[list[DecodeJob]], order: list[int]) -> list[DecodeJob]:
    """Lay streams into one partition; `order` says whose turn it is, and then come the rests."""
    rests = [list(stream) for stream in streams]
    turns = [rests[turn % len(rests)] for turn in order] + [rest for rest in rests for _ in range(2 * LENGTH)]
    jobs = [turn.pop(0) for turn in turns if turn]
    return [with_meta(job, pointer=replace(job.record.meta.pointer, offset=k)) for k, job in enumerate(jobs)]


@pytest.mark.timeout(1800)
def test_a_successor_gives_each_frame_the_fate_it_would_have_had(
    films: list[list[DecodeJob]], place: tuple[_core.Ring, _core.RingReader], request: pytest.FixtureRequest
) -> None:
    @settings(max_examples=400 if request.config.getoption("--soak") else 25)
    @given(data=st.data())
    def for_any_deaths(data: st.DataObject) -> None:
        check_fates(data, films, place)

    for_any_deaths()


def check_fates(data: st.DataObject, films: list[list[DecodeJob]], place: tuple[_core.Ring, _core.RingReader]) -> None:
    kinds = data.draw(st.lists(st.integers(0, len(films) - 1), min_size=1, max_size=3), label="films")
    again = data.draw(st.booleans(), label="a second epoch of the first stream")
    streams = [moved(films[kind], stream=f"cam-{k}") for k, kind in enumerate(kinds)]
    if again:
        streams[0] += moved(streams[0], epoch=2)
    skipped = data.draw(st.integers(0, 12), label="frames that retention removed")
    partition = interleaved(
        [stream[skipped:] for stream in streams],
        data.draw(st.lists(st.integers(0, len(streams) - 1), max_size=len(streams) * LENGTH), label="order"),
    )
    marks = sorted(data.draw(st.sets(st.integers(1, len(partition)), min_size=1, max_size=4), label="deaths"))
    reads = [data.draw(st.integers(mark, len(partition)), label="read until") for mark in marks]
    batch = data.draw(st.integers(1, 4), label="frames decoded at once")
    ring, reader = place
    watcher = Watcher(ring, reader)
    whole = Worker(partition, Tenure(number=1, offset=0), watcher, ring, batch=batch).live(len(partition))
    assert len(whole) == len(partition)

    tenure, found = Tenure(number=1, offset=0), dict[FrameKey, Fate]()
    for mark, read in zip(marks, reads, strict=True):
        worker = Worker(partition, tenure, watcher, ring, batch=batch)
        fates = worker.live(read)
        found |= {job.record.meta.key: fates[job.record.meta.key] for job in partition[tenure.offset : mark]}
        tenure = worker.commit(mark, by_others=data.draw(st.booleans(), label="the commit's metadata is lost"))
    found |= Worker(partition, tenure, watcher, ring, batch=batch).live(len(partition))
    assert found == whole
