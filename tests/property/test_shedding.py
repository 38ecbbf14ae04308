"""Whatever nobody wants of a film, every wanted picture is still its own, and each frame has one outcome: no picture that another
needs is left out in the middle of a group, for any codec, groups, and batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framehop import _core
from framehop.decode import DecodeJob, DecodeOptions
from tests.films import CLOSED, OPEN, Fate, Watcher, film, moved, taker, with_meta

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

from framehop.decode.video import VideoFrames

OPTIONS = DecodeOptions(threads=2, max_pixels=1 << 20)
LENGTH = 36
KINDS = [
    ("libx264", CLOSED, 0),
    ("libx264", CLOSED, 3),
    ("libx264", OPEN, 3),
    ("libx264", "keyint=7:min-keyint=7:scenecut=0:open-gop=1:b-pyramid=normal", 2),
    ("libx264", "keyint=12:min-keyint=12:scenecut=0:intra-refresh=1", 0),
    ("libx265", "keyint=9:min-keyint=9:open-gop=0", 3),
    ("libx265", "keyint=9:min-keyint=9:open-gop=1", 3),
    ("libx265", "keyint=12:min-keyint=12:open-gop=0:temporal-layers=3", 3),
]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[list[DecodeJob]]:
    folder = tmp_path_factory.mktemp("films")
    return [
        film(folder / f"{number}.mp4", LENGTH, codec=codec, params=params, bframes=bframes)
        for number, (codec, params, bframes) in enumerate(KINDS)
    ]


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[_core.Ring, Watcher]]:
    path = str(tmp_path_factory.mktemp("ring") / "ring")
    with (
        _core.Ring.create(path, slots=8, slot_bytes=1 << 16) as ring,
        _core.RingReader.attach(path, role="detector") as reader,
    ):
        yield ring, Watcher(ring, reader)


def watched(frames: VideoFrames, ring: _core.Ring, watcher: Watcher, jobs: list[DecodeJob], batch: int) -> list[Fate]:
    watcher.fates.clear()
    for begin in range(0, len(jobs), batch):
        watcher.watch(frames.decode(jobs[begin : begin + batch], taker(ring)))
    watcher.watch(frames.drain(taker(ring)))
    frames.close()
    return watcher.of(jobs)


@given(
    kinds=st.lists(st.integers(0, len(KINDS) - 1), min_size=1, max_size=2),
    wanted=st.lists(st.booleans(), min_size=2 * LENGTH, max_size=2 * LENGTH)
    | st.sets(st.integers(0, 2 * LENGTH - 1), max_size=4).map(lambda some: [k in some for k in range(2 * LENGTH)]),
    batch=st.integers(1, 40),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_wanted_picture_is_its_own(
    films: list[list[DecodeJob]],
    watcher: tuple[_core.Ring, Watcher],
    kinds: list[int],
    wanted: list[bool],
    batch: int,
) -> None:
    ring, watch = watcher
    streams = [moved(films[kind], stream=f"cam-{place}") for place, kind in enumerate(kinds)]
    line = [job for together in zip(*streams, strict=True) for job in together]
    calm = watched(VideoFrames(OPTIONS), ring, watch, line, batch)
    judged = [replace(job, unwanted="" if wanted[k] else "why") for k, job in enumerate(line)]
    found = watched(VideoFrames(OPTIONS), ring, watch, judged, batch)
    assert [fate for fate, job in zip(found, judged, strict=True) if not job.unwanted] == [
        fate for fate, job in zip(calm, judged, strict=True) if not job.unwanted
    ]
    assert {fate for fate, job in zip(found, judged, strict=True) if job.unwanted} <= {("why", -1)}


@given(kind=st.integers(0, len(KINDS) - 1), batch=st.integers(1, 40), cut=st.integers(0, LENGTH - 1))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_key_frames_only_each_is_its_own_and_nothing_else_is_decoded(
    films: list[list[DecodeJob]], watcher: tuple[_core.Ring, Watcher], kind: int, batch: int, cut: int
) -> None:
    ring, watch = watcher
    jobs = [
        with_meta(replace(job, alone=True, unwanted="" if job.record.meta.keyframe else "why"))
        for job in films[kind][cut:]
    ]
    frames = VideoFrames(OPTIONS)
    fates = watched(frames, ring, watch, jobs, batch)
    order = sorted(range(LENGTH), key=lambda k: films[kind][k].record.meta.captured_us)
    assert fates == [("why", -1) if job.unwanted else ("picture", order.index(job.record.meta.key.seq)) for job in jobs]
