"""Segment files: their format, and damage of every kind."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from crc32c import crc32c

from framehop.errors import ClosedError, InvalidArgumentError, LogError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded.retention import Retention
from framehop.log.embedded.segments import HEADER_BYTES, SegmentFile, SegmentMaps, read_cold, record_bytes
from framehop.log.sqlite import connect
from tests.logs import is_whole, make_frame, read, settle, write


def _one_frame(root: Path, **options: object) -> EmbeddedLog:
    log = EmbeddedLog(root, options=LogOptions(**options))  # type: ignore[arg-type]
    with log.writer() as writer:
        write(writer, "a", 3)
    return log


def test_the_format_is_as_written_down(tmp_path: Path) -> None:
    made = SegmentFile.create(tmp_path / "1.seg", 1, 4096, durable_name=True)
    payload = b"picture"
    assert made.write([(payload, crc32c(payload))]) == [HEADER_BYTES]
    made.close()
    data = (tmp_path / "1.seg").read_bytes()
    assert len(data) == 4096
    assert data[:12] == b"framehop" + struct.pack("<I", 1)
    record = struct.pack("<II", len(payload), crc32c(payload)) + payload + bytes(64)
    assert data[64 : 64 + len(record)] == record
    assert record_bytes(len(payload)) == len(record)


def test_a_segment_is_never_made_over_another(tmp_path: Path) -> None:
    (tmp_path / "1.seg").write_bytes(b"older")
    with pytest.raises(FileExistsError):
        SegmentFile.create(tmp_path / "1.seg", 1, 4096, durable_name=False)
    assert (tmp_path / "1.seg").read_bytes() == b"older"


def test_a_batch_that_failed_is_written_to_the_same_place(tmp_path: Path) -> None:
    made = SegmentFile.create(tmp_path / "1.seg", 1, 4096, durable_name=False)
    first = made.write([(b"x", 1), (b"yy", 2)])
    assert made.write([(b"x", 1), (b"yy", 2)]) == first
    made.advance(record_bytes(1) + record_bytes(2), 2)
    assert made.write([(b"z", 3)])[0] > first[-1]
    made.close()
    made.sync()  # harmless after close


def test_every_start_and_every_roll_makes_a_new_file(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path, options=LogOptions(segment_bytes=4096)) as log:
        for _ in range(2):
            with log.writer() as writer:
                state = writer.open_stream("a", source="test:", finite=True)
                for seq in range(state.next_seq, state.next_seq + 6):
                    writer.append(make_frame(state, seq))
                    assert writer.flush(10)
        sizes = {int(path.stem): path.stat().st_size for path in (tmp_path / "frames").iterdir()}
        assert sizes == {1: 4096, 2: 4096, 3: 4096, 4: 4096}
        assert len(list(log.scan_frames())) == 12


def test_a_number_whose_file_has_outlived_its_row_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Retention, "apply", lambda _retention, _ahead: None)  # which may sweep it away only later
    with EmbeddedLog(tmp_path) as log:
        for number in (1, 2):
            (tmp_path / "frames" / f"{number}.seg").write_bytes(b"its row was lost with the power")
        with log.writer() as writer:
            write(writer, "a", 2)
        assert (tmp_path / "frames" / "1.seg").read_bytes() == b"its row was lost with the power"
        with log.consumer("g", member="m") as consumer:
            assert all(is_whole(record) for record in read(consumer, 2))


def test_a_frame_larger_than_a_segment_gets_one_that_fits(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path, options=LogOptions(segment_bytes=4096)) as log:
        with log.writer() as writer:
            write(writer, "a", 2, size=100_000)
        with log.consumer("g", member="m") as consumer:
            assert all(is_whole(record) for record in read(consumer, 2))


def test_an_absurd_frame_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.log.embedded.writer.MAX_PAYLOAD_BYTES", 100)
    with EmbeddedLog(tmp_path) as log, log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        with pytest.raises(InvalidArgumentError, match="101 bytes; 100 are allowed"):
            writer.append(make_frame(state, 0, size=101))


@pytest.mark.parametrize("where", ["payload", "length", "checksum"])
def test_a_flipped_bit_loses_one_frame_and_says_so(tmp_path: Path, where: str) -> None:
    with _one_frame(tmp_path) as log:
        at = HEADER_BYTES + record_bytes(1000) + {"length": 0, "checksum": 4, "payload": 8 + 500}[where]
        with (tmp_path / "frames" / "1.seg").open("r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x10]))
        with log.consumer("g", member="m") as consumer:
            records = read(consumer, 3)
        assert [is_whole(record) for record in records] == [True, False, True]
        assert records[1].payload is None
        cold = [log.read_frame(record.meta.pointer) for record in records]
        assert [record is not None and record.payload is not None for record in cold] == [True, False, True]


def test_a_missing_file_loses_its_frames_and_says_so(tmp_path: Path) -> None:
    with _one_frame(tmp_path) as log:
        (tmp_path / "frames" / "1.seg").unlink()
        with log.consumer("g", member="m") as consumer:
            assert [record.payload for record in read(consumer, 3)] == [None] * 3


@pytest.mark.parametrize("length", [0, 10, HEADER_BYTES + record_bytes(1000) + 20])
def test_a_truncated_file_is_an_error_not_a_crash(tmp_path: Path, length: int) -> None:
    with _one_frame(tmp_path) as log, log.consumer("g", member="m") as consumer:
        (first,) = read(consumer, 1)
        assert is_whole(first)
        del first  # mapped now: pages beyond the new end would raise SIGBUS
        with (tmp_path / "frames" / "1.seg").open("r+b") as file:
            file.truncate(length)
        assert [record.payload for record in read(consumer, 2)] == [None] * 2


def test_a_file_that_becomes_shorter_while_it_is_read_ends_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Touching memory that its file cannot fill raises SIGBUS."""
    send = os.sendfile

    def late(*where: int) -> int:
        os.truncate(tmp_path / "frames" / "1.seg", HEADER_BYTES)
        return send(*where)

    with EmbeddedLog(tmp_path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 3, size=2 * mmap.PAGESIZE)
        assert all(is_whole(record) for record in read(consumer, 1))
        monkeypatch.setattr(os, "sendfile", late)
        assert [record.payload for record in read(consumer, 2)] == [None, None]


@pytest.mark.parametrize("code", [errno.EIO, errno.EUCLEAN, errno.EBADMSG], ids=errno.errorcode.get)
def test_a_picture_that_the_disk_does_not_give_is_lost_and_those_behind_it_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    send, pread, broken = os.sendfile, os.pread, HEADER_BYTES + record_bytes(1000) + 500

    def give(to: int, file: int, start: int, count: int) -> int:
        if start <= broken < start + count:
            if start == broken:
                raise OSError(code, os.strerror(code))
            count = broken - start
        return send(to, file, start, count)

    def read_whole(file: int, count: int, start: int) -> bytes:
        if start <= broken < start + count:
            raise OSError(code, os.strerror(code))
        return pread(file, count, start)

    monkeypatch.setattr(os, "sendfile", give)
    monkeypatch.setattr(os, "pread", read_whole)
    with _one_frame(tmp_path) as log, log.consumer("g", member="m") as consumer:
        records = read(consumer, 3)
        assert [is_whole(record) for record in records] == [True, False, True]
        cold = [log.read_frame(record.meta.pointer) for record in records]
        assert [record is not None and is_whole(record) for record in cold] == [True, False, True]


@pytest.mark.parametrize(("call", "number"), [("open", errno.EIO), ("open", errno.EUCLEAN), ("pread", errno.EIO)])
def test_pictures_of_a_file_that_a_broken_disk_does_not_give_are_lost_and_end_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    with _one_frame(tmp_path) as log, log.consumer("g", member="m") as consumer:
        settle([consumer], log.partitions)
        healthy = getattr(os, call)

        def refused(file: int | Path, *args: object, **named: object) -> object:
            path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else Path(file)
            if path.suffix == ".seg":
                raise OSError(number, os.strerror(number))
            return healthy(file, *args, **named)

        monkeypatch.setattr(os, call, refused)
        (meta, *_) = log.scan_frames()
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert record.payload is None
        if call == "open":
            assert [record.payload for record in read(consumer, 3)] == [None] * 3


def test_a_process_out_of_descriptors_does_not_declare_frames_lost(tmp_path: Path) -> None:
    with _one_frame(tmp_path) as log, log.consumer("g", member="m") as consumer:
        settle([consumer], log.partitions)
        (meta, *_) = log.scan_frames()
        with _no_more_descriptors():
            with pytest.raises(LogError, match="Too many open files"):
                read(consumer, 3)
            with pytest.raises(LogError, match="Too many open files"):
                log.read_frame(meta.pointer)
            with pytest.raises(LogError, match=r"index\.db: Too many open files; raise the limit .*ulimit -n"):
                connect(tmp_path / "index.db")
        assert all(is_whole(record) for record in read(consumer, 3))


@contextlib.contextmanager
def _no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_maps_let_go_of_dropped_files_but_not_of_payloads_in_use(tmp_path: Path) -> None:
    made = SegmentFile.create(tmp_path / "1.seg", 1, 4096, durable_name=False)
    made.write([(b"picture", crc32c(b"picture"))])
    made.close()
    maps = SegmentMaps(tmp_path)
    payload = maps.read(1, HEADER_BYTES, 7)
    (tmp_path / "1.seg").unlink()
    maps.drop_unlinked()
    assert "1.seg" not in Path("/proc/self/maps").read_text().replace("1.seg (deleted)", "")
    assert payload is not None
    assert bytes(payload) == b"picture"
    del payload
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    maps.close()
    with pytest.raises(ClosedError):
        maps.read(1, HEADER_BYTES, 7)


def test_cold_reads_believe_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.seg").write_bytes(b"\xff" * 100)
    assert read_cold(tmp_path / "1.seg", 0, 10) is None
    assert read_cold(tmp_path / "1.seg", 10_000, 10) is None
    assert read_cold(tmp_path / "2.seg", 0, 10) is None
