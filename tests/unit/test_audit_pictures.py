"""The audit reads the pictures: what became of a file is told by the frames that were in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framehop.errors import OutOfMemoryError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded.segments import RECORD_HEADER_BYTES, record_bytes
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import audit
from tests.commands import framehop
from tests.logs import TIMEOUT_S, make_event, make_frame, marks_after, read, retain

SIZE = 1000
OPTIONS = LogOptions(segment_bytes=4096, retain_bytes=None, session_timeout_s=20.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """Nine frames in three files, each with its event."""
    with EmbeddedLog(tmp_path / "log", options=OPTIONS) as opened:
        with opened.writer() as writer, opened.consumer("g", member="m") as consumer:
            state = writer.open_stream("gate", source="test:", finite=True)
            for seq in range(9):
                writer.append(make_frame(state, seq, size=SIZE))
                assert writer.flush(TIMEOUT_S)
            records = read(consumer, 9)
            consumer.commit([make_event(record) for record in records], marks_after(records))
        yield opened


def _position(nth: int) -> int:
    return 64 + nth * record_bytes(SIZE)


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def _replace_by_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    path.symlink_to(path.with_suffix(".old"))


def test_whole_pictures_are_read_and_nothing_is_said(log: EmbeddedLog) -> None:
    seen: list[tuple[str, int, int | None]] = []
    report = audit(log, on_progress=lambda *told: seen.append(told))
    assert (report.ok, report.lost, report.rows_only) == (True, 0, False)
    assert seen == [
        ("events", 9, None),
        ("frames", 9, None),
        *(("pictures", done * SIZE, 9 * SIZE) for done in (3, 6, 9)),
    ]


@pytest.mark.parametrize(
    ("spoil", "seqs", "why"),
    [
        (Path.unlink, (3, 4, 5), "frames/2.seg is gone or cannot be opened"),
        (_replace_by_a_link, (3, 4, 5), "frames/2.seg is gone or cannot be opened"),
        (lambda path: path.write_bytes(b""), (3, 4, 5), "frames/2.seg ends at byte 0, before the picture does"),
        (lambda path: os.truncate(path, 2000), (4, 5), "frames/2.seg ends at byte 2000, before the picture does"),
        (lambda path: _flip(path, _position(1) + 500), (4,), f"frames/2.seg is damaged at byte {_position(1)}"),
        (lambda path: _flip(path, _position(2)), (5,), f"frames/2.seg is damaged at byte {_position(2)}"),
        (
            lambda path: _flip(path, _position(0) + RECORD_HEADER_BYTES + SIZE - 1),
            (3,),
            f"frames/2.seg is damaged at byte {_position(0)}",
        ),
    ],
    ids=["removed", "a link", "emptied", "truncated", "a byte flipped", "its length changed", "its last byte flipped"],
)
def test_a_lost_picture_is_named(
    log: EmbeddedLog, tmp_path: Path, spoil: Callable[[Path], object], seqs: tuple[int, ...], why: str
) -> None:
    epoch = next(log.scan_frames()).key.epoch
    spoil(tmp_path / "log" / "frames" / "2.seg")
    report = audit(log)
    assert report.findings == [f"lost: gate/{epoch}/{seq}, its picture is lost: {why}" for seq in seqs]
    assert (report.ok, report.lost, report.streams["gate"].lost, report.missing) == (False, len(seqs), len(seqs), 0)
    quick = audit(log, rows_only=True)
    assert (quick.ok, quick.lost, quick.rows_only) == (True, 0, True)
    told = framehop("audit", "--log", tmp_path / "log")
    assert told.status == 1
    assert report.findings[0] in told.stdout
    assert f"NOT clean: 0 missing, 0 duplicates, 0 out of order, {len(seqs)} pictures lost" in told.stdout
    told = framehop("audit", "--log", tmp_path / "log", "--rows-only")
    assert (told.status, "pictures not read" in told.stdout) == (0, True)


def test_every_file_removed_is_every_picture_lost(log: EmbeddedLog, tmp_path: Path) -> None:
    for path in (tmp_path / "log" / "frames").iterdir():
        path.unlink()
    assert audit(log).lost == 9


@pytest.mark.parametrize("change", ["bytes=1<<50", "bytes=-7", "position=1<<60", "position=-5"])
def test_an_index_that_claims_what_cannot_be_is_no_picture(log: EmbeddedLog, tmp_path: Path, change: str) -> None:
    db = connect(tmp_path / "log" / "index.db")
    rows(db, f"UPDATE frames SET {change} WHERE seq=4")
    db.close()
    report = audit(log)
    assert (report.lost, report.missing) == (1, 0)
    assert "/4, its picture is lost: frames/2.seg" in report.findings[0]


def test_a_sector_that_cannot_be_read_is_one_picture_lost(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    read_whole = os.pread

    def failing(fd: int, size: int, position: int) -> bytes:
        if position == _position(1) and Path(f"/proc/self/fd/{fd}").readlink().name == "2.seg":
            raise OSError(errno.EIO, "Input/output error")
        return read_whole(fd, size, position)

    monkeypatch.setattr(os, "pread", failing)
    report = audit(log)
    assert report.lost == 1
    assert report.findings[0].endswith(f"frames/2.seg cannot be read at byte {_position(1)}: Input/output error")


def test_no_memory_to_read_a_picture_is_not_its_loss(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_fd: int, _size: int, _position: int) -> bytes:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(OutOfMemoryError):
        audit(log)


def test_what_retention_takes_while_the_audit_reads_is_not_lost(log: EmbeddedLog, tmp_path: Path) -> None:
    def retain_meanwhile(what: str, _done: int, _total: int | None) -> None:
        if what == "frames":
            retain(tmp_path / "log", retain_bytes=0)

    report = audit(log, on_progress=retain_meanwhile)
    assert (report.ok, report.frames, report.lost, len(report.gaps)) == (True, 9, 0, 1)
