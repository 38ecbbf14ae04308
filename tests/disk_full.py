"""A log on a disk that fills up: run in a mount namespace of its own, where DIR is a tmpfs of 24 MiB.

unshare --mount sh -c 'mount -t tmpfs -o size=24m none DIR && python -m tests.disk_full DIR'
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from framehop.errors import LogFullError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.sqlite import free_bytes
from framehop.ops.audit import audit
from framehop.protocols import Ack, FrameConsumer
from framehop.types import Event, FrameRecord
from tests.logs import TIMEOUT_S, is_whole, make_event, make_frame, marks_after
from tests.waiting import until

MIB = 1 << 20
FRAMES = 200
OPTIONS = LogOptions(
    segment_bytes=4 * MIB,
    queue_bytes=MIB,
    reserve_bytes=4 * MIB,
    retain_bytes=None,
    retain_disk_share=None,
    session_timeout_s=20.0,
)


def main() -> None:
    root = Path(sys.argv[1])
    ballast = root / "ballast"
    ballast.write_bytes(bytes(12 * MIB))
    with EmbeddedLog(root / "log", options=OPTIONS) as log:
        _check(log, root, ballast)


def _check(log: EmbeddedLog, root: Path, ballast: Path) -> None:
    acks: list[Ack] = []
    records: list[FrameRecord] = []
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        state = writer.open_stream("a", source="test:", finite=True)
        seq = 0
        while seq < FRAMES and not writer.stalled:
            seq += writer.append(make_frame(state, seq, size=100_000), acks.append, timeout_s=0.1)
        assert 0 < len(acks) < seq < FRAMES, "the disk did not fill up"
        assert str(root / "log") in writer.stalled
        assert "MiB free" in writer.stalled
        assert free_bytes(root) > OPTIONS.reserve_bytes // 2, "events and clean-up have no room left"
        _read_to_end(log, consumer, records)
        first = records[: len(records) // 2]
        assert consumer.commit([make_event(record) for record in first], marks_after(first)).lost == frozenset()
        _fill(root / "filler")
        written = _commit_until_full(log, consumer, records)
        assert free_bytes(root) == 0
        # Room again: everything goes on by itself.
        (root / "filler").unlink()
        ballast.unlink()
        for later in range(seq, seq + 20):
            assert writer.append(make_frame(state, later, size=10_000), acks.append, timeout_s=TIMEOUT_S)
        assert writer.flush(TIMEOUT_S)
        assert writer.stalled == ""
        assert len(acks) == seq + 20
        _read_to_end(log, consumer, records)
        consumer.commit([make_event(record) for record in records], marks_after(records))
        assert len(list(log.events())) >= written
    assert all(is_whole(record) for record in records)
    report = audit(log)
    assert report.ok, report.findings
    assert report.frames == report.events == seq + 20


def _read_to_end(log: EmbeddedLog, consumer: FrameConsumer, records: list[FrameRecord]) -> None:
    def at_end() -> bool:
        records.extend(consumer.poll(64, 0.05))
        return len(records) == sum(log.end_offsets().values())

    until(at_end, "all frames in the log")


def _fill(path: Path) -> None:
    """Take every byte that is left."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (MIB, 4096):
            while _took(fd, size):
                pass
    finally:
        os.close(fd)


def _took(fd: int, size: int) -> bool:
    try:
        return os.write(fd, bytes(size)) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _commit_until_full(log: EmbeddedLog, consumer: FrameConsumer, records: list[FrameRecord]) -> int:
    """Commit events of ever new lanes until there is no room: the commit that finds none must have written nothing."""
    for lane in range(10_000):
        before = len(list(log.events()))
        if _is_refused(consumer, [make_event(record, lane=f"l{lane}") for record in records]):
            assert len(list(log.events())) == before
            return before
    raise AssertionError("the disk did not fill up")


def _is_refused(consumer: FrameConsumer, events: list[Event]) -> bool:
    try:
        consumer.commit(events, {})
    except LogFullError as error:
        return "Make room" in str(error)
    return False


if __name__ == "__main__":
    main()
