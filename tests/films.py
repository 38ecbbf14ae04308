"""The access units of films as jobs for decoders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.decode import Decoded, DecodeJob, Outcome, Rounds, TakeSlot
from framehop.sources.passthrough import PassedVideo
from framehop.types import FrameKey, FrameRecord
from tests.clips import number_in, write_film
from tests.frames import record_of

CLOSED = "keyint=10:min-keyint=10:scenecut=0"
OPEN = "keyint=10:min-keyint=10:scenecut=0:open-gop=1"

Fate = tuple[str, int]


def film(path: Path, count: int, *, params: str = CLOSED, bframes: int = 0, codec: str = "libx264") -> list[DecodeJob]:
    """Return the units of a new film as jobs of the stream `cam`, at the offsets of their seqs."""
    source = PassedVideo(write_film(path, count, params=params, bframes=bframes, codec=codec), stream="cam")
    return [
        DecodeJob(
            record=record_of(
                seq,
                stream="cam",
                payload=picture.payload,
                captured_us=10_000_000 + picture.media_us,
                received_us=10_000_000 + (picture.due_us or 0),
                appended_us=10_000_000 + (picture.due_us or 0),
                content_type=picture.content_type,
                keyframe=picture.keyframe,
                width=picture.width,
                height=picture.height,
            ),
            polled_us=1,
        )
        for seq, picture in enumerate(source.pictures())
    ]


def moved(jobs: Iterable[DecodeJob], **changes: object) -> list[DecodeJob]:
    """Return jobs whose key is changed, as by stream="other"."""
    return [with_meta(job, key=replace(job.record.meta.key, **changes)) for job in jobs]  # type: ignore[arg-type]


def with_meta(job: DecodeJob, **changes: object) -> DecodeJob:
    meta = replace(job.record.meta, **changes)  # type: ignore[arg-type]
    return replace(job, record=replace(job.record, meta=meta))


def taker(ring: _core.Ring) -> TakeSlot:
    """Return what takes free slots, and None when there is none, as of a worker that stops."""

    def take(record: FrameRecord) -> _core.Slot | None:
        key = record.meta.key
        return ring.try_acquire(_core.FrameTag(key.stream, key.epoch, key.seq, 0, 0))

    return take


class Watcher:
    """Looks at the pictures as a worker would: each slot is free again when its round is over. Keeps the fate of each frame: the
    number in its picture, or why it has none (-1)."""

    def __init__(self, ring: _core.Ring, reader: _core.RingReader) -> None:
        self._ring, self._reader = ring, reader
        self.fates: dict[FrameKey, Fate] = {}
        self.outcomes: list[Outcome] = []

    def watch(self, rounds: Rounds) -> None:
        for outcomes in rounds:
            for outcome in outcomes:
                self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        key = outcome.job.record.meta.key
        assert key not in self.fates, f"{key} has two outcomes"
        self.outcomes.append(outcome)
        if isinstance(outcome, Decoded):
            self.fates[key] = ("picture", number_in(self.pixels(outcome)))
            self._ring.retire(outcome.ref)
        else:
            self.fates[key] = (getattr(outcome, "reason", "") or getattr(outcome, "error", ""), -1)

    def pixels(self, outcome: Decoded) -> NDArray[np.uint8]:
        lease = self._reader.try_lease(outcome.ref.slot, outcome.ref.generation)
        assert lease is not None
        with lease:
            return lease.array().copy()

    def of(self, jobs: Sequence[DecodeJob]) -> list[Fate]:
        return [self.fates[job.record.meta.key] for job in jobs]
