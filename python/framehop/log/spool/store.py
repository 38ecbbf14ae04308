"""Frames that wait on disk, in an embedded log that one process has for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import apsw

from framehop.errors import FramehopError
from framehop.log.embedded.disk_usage import usage
from framehop.log.embedded.embedded_log import EmbeddedLog
from framehop.log.embedded.frame_rows import address_of, meta_of
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.segments import read_cold
from framehop.log.embedded.writer import EmbeddedWriter
from framehop.log.spool import rows as spool_rows
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.rows import Epoch, WaitingRun
from framehop.log.spool.slots import Slot
from framehop.log.sqlite import connect, rows, transaction, translated
from framehop.protocols import Ack, Backlog
from framehop.timing import now_us
from framehop.types import Frame, FrameMeta, Place

SEGMENT_BYTES = 16 << 20
SHARE = 16  # the spool shrinks by whole segments, so that one of them is a small part of it
LOST_PICTURE = "lost_data: the picture was damaged on the disk of the spool"


class SpoolStore:
    """The frames of one slot. Thread-safe. A frame leaves it once the log has it, or when it is dropped, with a gap."""

    def __init__(self, slot: Slot, options: SpoolOptions, queue_bytes: int) -> None:
        """Open what is there, or make it. Raises LogError."""
        self._slot, self._options = slot, options
        log_options = LogOptions(
            partitions=1,
            retain_bytes=None,
            retain_disk_share=None,
            retain_event_age_s=None,
            segment_bytes=min(SEGMENT_BYTES, options.max_bytes // SHARE),
            queue_bytes=queue_bytes,
        )
        self._log = EmbeddedLog(slot.path, options=log_options)
        self._paths, self._log_options = LogPaths(slot.path), log_options
        self._writer: EmbeddedWriter | None = None
        self._lock = threading.Lock()
        try:
            self._db = connect(self._paths.index)
            self._log.watch(self._db)  # of a process that is gone nothing is appended, and all is removed bit by bit
            with translated(self._paths.index):
                rows(self._db, spool_rows.PLACES)
                rows(self._db, spool_rows.LABELS)
                with transaction(self._db, self._paths.index):
                    rows(self._db, spool_rows.CLOSE_ALL)
                    rows(self._db, spool_rows.FORGET_LABELS)
                frames, size = spool_rows.totals(self._db)
        except BaseException:
            self._log.close()
            raise
        self._frames, self._bytes = frames, size
        self._aside = False

    # ---- frames come

    def append(self, frame: Frame, on_ack: Callable[[Ack], None]) -> bool:
        """Queue a frame if there is room; `on_ack` is called once it survives kill -9. Raises LogError when the disk is gone."""
        if self._writer is None:
            self._writer = self._log.writer()

        def stored(ack: Ack) -> None:
            with self._lock:
                self._frames += 1
                self._bytes += len(frame.payload)
            on_ack(ack)

        return self._writer.spool(frame, stored, 0.0)

    @property
    def stalled(self) -> str:
        """The reason why the disk takes nothing at the moment; else empty."""
        return self._writer.stalled if self._writer is not None else ""

    # ---- frames go

    def read(self, epoch: Epoch, after: int, limit: int) -> Iterator[Frame]:
        """Yield the next frames of an epoch. Raises LogError."""
        with self._opened() as db:
            found = spool_rows.next_rows(db, epoch, after, limit)
        for row in found:
            yield self._frame(row)

    def _frame(self, row: tuple[Any, ...]) -> Frame:
        meta, address = meta_of(row), address_of(row)
        with translated(self._paths.frames):
            payload = read_cold(self._paths.segment(address.segment), address.position, meta.payload_bytes)
        return _frame_of(meta, payload)

    def delivered(self, epoch: Epoch, up_to: int, place: Place) -> None:
        """Remove the frames that the log has; `place`: where the next ones will lie."""
        with self._changed() as db:
            gone = spool_rows.delete_run(db, WaitingRun(epoch=epoch, first=0, last=up_to))
            spool_rows.keep_place(db, epoch, place)
        self._forget(gone)
        self._drop_segments()

    def drop_oldest(self, sent: Mapping[Epoch, int], reason: str) -> list[WaitingRun]:
        """Drop the oldest groups of pictures and note their gaps. `sent`: by epoch, the last frame that is on its way."""
        with self._changed() as db:
            runs = spool_rows.oldest_groups(db, sent)
            gone = [spool_rows.delete_run(db, run) for run in runs]
            for run in runs:
                spool_rows.note_gap(db, run, reason)
        self._forget(*gone)
        self._drop_segments()
        return runs

    def _forget(self, *gone: tuple[int, int]) -> None:
        """Count frames and bytes as removed. Call it once they are: a full disk may refuse that, again and again."""
        with self._lock:
            self._frames -= sum(frames for frames, _ in gone)
            self._bytes -= sum(size for _, size in gone)

    def _drop_segments(self) -> None:
        """Remove the files in which nothing is left. The row goes first: a file without one is only waste."""
        with self._opened() as db:
            empty = spool_rows.empty_segments(db)
            if not empty:
                return
            with transaction(db, self._paths.index):
                for number in empty:
                    rows(db, "DELETE FROM segments WHERE id=?", (number,))
        with translated(self._paths.frames):
            for number in empty:
                self._paths.segment(number).unlink(missing_ok=True)

    # ---- places, gaps, looks

    def runs(self) -> list[WaitingRun]:
        """Return what waits, by epoch."""
        with self._opened() as db:
            return spool_rows.backlog(db)

    def place(self, epoch: Epoch) -> Place | None:
        with self._opened() as db:
            return spool_rows.place_of(db, epoch)

    def keep_place(self, epoch: Epoch, place: Place) -> None:
        with self._changed() as db:
            spool_rows.keep_place(db, epoch, place)

    def forget_place(self, epoch: Epoch) -> None:
        with self._changed() as db:
            spool_rows.forget_place(db, epoch)

    def labels(self, epoch: Epoch) -> dict[str, str]:
        with self._opened() as db:
            return spool_rows.labels_of(db, epoch)

    def keep_labels(self, epoch: Epoch, labels: Mapping[str, str]) -> None:
        """Keep the stream's own labels, by which the next process finds the place of an epoch that has none yet."""
        with self._changed() as db:
            spool_rows.keep_labels(db, epoch, labels)

    def gaps(self) -> list[tuple[int, str, WaitingRun]]:
        """Return the gaps that the log has not been told, with their numbers and reasons."""
        with self._opened() as db:
            return spool_rows.noted_gaps(db)

    def forget_gap(self, number: int, last: int) -> None:
        with self._changed() as db:
            spool_rows.forget_gap(db, number, last)

    def too_much(self) -> bool:
        """Whether it takes more of the disk than it may."""
        with self._opened() as db:
            return usage(db, self._paths, self._log_options).pictures > self._options.max_bytes

    def too_old(self) -> bool:
        """Whether the oldest frames have waited for longer than they may."""
        if self._options.max_age_s is None:
            return False
        with self._opened() as db:
            newest_us = spool_rows.newest_us_of_oldest(db)
        return newest_us is not None and newest_us < now_us() - int(self._options.max_age_s * 1e6)

    @property
    def backlog(self) -> Backlog:
        return Backlog(frames=max(0, self._frames), bytes=max(0, self._bytes))

    # ---- the end

    def set_aside(self) -> None:
        """Let no later process send what it holds: its frames were given up, and later ones of their epochs are in the log."""
        self._aside = True

    def close(self) -> None:
        """Close it once what was queued is stored, and remove it if it holds nothing. What it holds goes to the next process."""
        if self._writer is not None:
            self._writer.close()
        empty = False
        with suppress(FramehopError), self._opened() as db:
            empty = not spool_rows.totals(db)[0] and not spool_rows.noted_gaps(db)
        with self._lock:
            self._db.close()
        self._log.close()
        if self._aside:
            self._slot.set_aside()
        elif empty:
            self._slot.discard()
        else:
            self._slot.release()

    @contextmanager
    def _opened(self) -> Iterator[apsw.Connection]:
        with self._lock, translated(self._paths.index):
            yield self._db

    @contextmanager
    def _changed(self) -> Iterator[apsw.Connection]:
        with self._lock, transaction(self._db, self._paths.index):
            yield self._db


def _frame_of(meta: FrameMeta, payload: memoryview | None) -> Frame:
    return Frame(
        key=meta.key,
        payload=b"" if payload is None else bytes(payload),
        captured_us=meta.captured_us,
        received_us=meta.received_us,
        clock=meta.clock,
        content_type=meta.content_type,
        keyframe=meta.keyframe,
        width=meta.width,
        height=meta.height,
        traceparent=meta.traceparent,
        error=LOST_PICTURE if payload is None else meta.error,
        origin=meta.origin,
    )
