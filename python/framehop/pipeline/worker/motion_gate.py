"""The motion gate: frames in which nothing has changed are skipped, before they are decoded at their full size where a decoder can
show them smaller."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.decode import Decoded, DecodeJob, Glimpse, Outcome, Passed, TakeSlot
from framehop.motion import Motion
from framehop.patterns import FirstFit
from framehop.pipeline.worker.scene import Cells, Scene, luma_of
from framehop.pipeline.worker.skipping import moment_us
from framehop.pipeline.worker.watched import watched
from framehop.types import FrameMeta, Partition

NO_MOTION = "no-motion"
EIGHTH = 8
MOST_CELLS = 1 << 16  # of a picture; a larger one has larger cells
MOST_SCENES = (
    256  # views that are remembered, of 1 MiB at most each; one that was forgotten is looked at until it is learnt anew
)


@dataclass(slots=True)
class _View:
    """The view of one stream in one epoch and tenure. `phase_us`: when its turn comes, which is to be looked at although
    nothing moves. `looked_us`: when it was looked at last. `moved`: whether it moved then."""

    of: tuple[int, int]
    scene: Scene
    phase_us: int
    looked_us: int = 0
    moved: bool = True


class Decoders(Protocol):
    """The part of a DecodeStage that the gate needs."""

    def inter_coded(self, meta: FrameMeta) -> bool: ...
    def glimpse(self, job: DecodeJob) -> Glimpse | None: ...


class MotionGate:
    """Remembers a view per stream. Frames of a stream come in their order. Used by one thread."""

    def __init__(self, motion: Motion, ring: _core.Ring, decoders: Decoders) -> None:
        """`ring`: holds the pictures that `sift_pictures` looks at."""
        self._decoders = decoders
        self._keep_us = max(1, round(motion.keep_s * 1e6))
        self._masks = FirstFit(motion.masks)
        self._ring = ring
        self._reader: _core.RingReader | None = None
        self._views: dict[tuple[Partition, str], _View] = {}

    def sift_jobs(self, jobs: Iterable[DecodeJob], take_slot: TakeSlot) -> tuple[list[DecodeJob], list[Passed]]:
        """Divide jobs before they are decoded: those in which nothing has changed, and the others. While a picture is glimpsed at a
        slot carries its name, so that the supervisor knows the suspect if this process dies."""
        wanted: list[DecodeJob] = []
        passed: list[Passed] = []
        for job in jobs:
            if job.unwanted or self._decoders.inter_coded(job.record.meta) or self._looks_at_job(job, take_slot):
                wanted.append(job)
            else:
                passed.append(Passed(job=job, reason=NO_MOTION))
        return wanted, passed

    def sift_pictures(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Return outcomes in which films' pictures without a change are passed, and their slots are given back."""
        return [self._sifted(outcome) if isinstance(outcome, Decoded) else outcome for outcome in outcomes]

    def _sifted(self, decoded: Decoded) -> Outcome:
        if not self._decoders.inter_coded(decoded.record.meta):
            return decoded
        lease = self._lease(decoded.ref)
        if lease is None:
            return decoded
        with lease:
            looks = self._looks_at(decoded.job, lease.array(), decoded.size)
        if looks:
            return decoded
        self._ring.retire(decoded.ref)
        return Passed(job=decoded.job, reason=NO_MOTION)

    def _lease(self, ref: _core.SlotRef) -> _core.Lease | None:
        if self._reader is None:
            self._reader = _core.RingReader.attach(self._ring.path, role="detector")
        return self._reader.try_lease(ref.slot, ref.generation)

    def _looks_at_job(self, job: DecodeJob, take_slot: TakeSlot) -> bool:
        """Return whether a picture is to be looked at; true also for a damaged one, about which its decoder has to say why."""
        guard = take_slot(job.record)
        if guard is None:
            return True
        try:
            glimpse = self._decoders.glimpse(job)
        finally:
            guard.abandon()
        return glimpse is None or self._looks_at(job, glimpse.pixels, glimpse.size)

    def _looks_at(self, job: DecodeJob, pixels: NDArray[np.uint8], size: tuple[int, int]) -> bool:
        """Return whether something has moved, or nobody has looked for long enough, or it came to rest just now."""
        meta, at_us = job.record.meta, moment_us(job.record.meta)
        cells = luma_of(pixels, _grid(size, pixels.shape))
        view = self._view(meta, job.record.tenure, cells)
        moves = view.scene.moves(cells, at_us)
        looks = moves or view.moved or self._is_due(view, at_us)
        view.moved = moves
        if looks:
            view.looked_us = at_us
        return looks

    def _is_due(self, view: _View, at_us: int) -> bool:
        """Return whether the stream's turn has come since it was looked at last, or its clock went back. Turns come every `keep_s`.
        Each stream has its own: cameras that start together, or see the same lightning, would all ask for a look at once."""
        turns = [(moment - view.phase_us) // self._keep_us for moment in (view.looked_us, at_us)]
        return turns[0] != turns[1] or at_us < view.looked_us

    def _view(self, meta: FrameMeta, tenure: int, cells: Cells) -> _View:
        """Return what is remembered of a stream. A new epoch, tenure or picture size begins anew."""
        key, of = (meta.pointer.topic_partition, meta.key.stream), (meta.key.epoch, tenure)
        view = self._views.pop(key, None)
        if view is None or view.of != of or view.scene.shape != cells.shape:
            rows, columns = cells.shape
            scene = Scene(watched(self._masks.of(meta.key.stream) or (), columns, rows))
            view = _View(of, scene, phase_us=zlib.crc32(meta.key.stream.encode()) * self._keep_us >> 32)
        self._views[key] = view  # the one asked about last is the last
        if len(self._views) > MOST_SCENES:
            del self._views[next(iter(self._views))]
        return view

    def close(self) -> None:
        """Let go of the ring. Closing twice is harmless."""
        if self._reader is not None:
            self._reader.close()


def _grid(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (columns, rows): a cell for every 8 × 8 pixels of the source, fewer for large pictures and never more than there are
    pixels at hand. `size`: (width, height) of the source. `shape`: of the pixels at hand."""
    side = EIGHTH
    while (size[0] // side) * (size[1] // side) > MOST_CELLS:
        side *= 2
    return max(1, min(shape[1], size[0] // side)), max(1, min(shape[0], size[1] // side))
