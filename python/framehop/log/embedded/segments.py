"""Segments: flat, append-only files of frames.

    header   64 bytes: "framehop", u32 version, zeros
    record   u32 length, u32 CRC32C of the payload (little-endian), payload, 64 zero bytes

The zeros after a payload let decoders read past its end. A file gets its full size when it is made (sparse), so that a reader maps
it once; only what committed rows of the index point to counts.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ClosedError

MAGIC = b"framehop" + struct.pack("<I", 1)
HEADER_BYTES = 64
RECORD_HEADER_BYTES = 8
PADDING = bytes(64)
MAX_FRAMES = 8192  # per segment; keeps the transaction that drops one short
_RECORD = struct.Struct("<II")
_MAX_MAPS = 64
# Errors of a read that the disk, or the file system on it, cannot give. Others are of this process, as a lack of memory is.
_BROKEN = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)
_NO_SEGMENT = (errno.ENOENT, errno.ELOOP, *_BROKEN)  # the file is gone, or is a link, which no segment ever is


def record_bytes(payload_bytes: int) -> int:
    """Return the size of a record in a segment."""
    return _RECORD.size + payload_bytes + len(PADDING)


class SegmentFile:
    """A segment as its writer sees it. Call `write` from one thread; `sync` and `close` from any."""

    def __init__(self, number: int, fd: int, capacity: int) -> None:
        self.number = number
        self.end = HEADER_BYTES
        self.frames = 0
        self._capacity = capacity
        self._fd = fd
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, number: int, capacity: int, *, durable_name: bool) -> SegmentFile:
        """Make a new file. `durable_name`: its directory entry survives power loss too. An error leaves no file behind."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(fd, MAGIC.ljust(HEADER_BYTES, b"\0"), 0)
            os.ftruncate(fd, capacity)
            if durable_name:
                sync_directory(path.parent)
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return cls(number, fd, capacity)

    def has_room(self, total_bytes: int, frames: int) -> bool:
        return self.end + total_bytes <= self._capacity and self.frames + frames <= MAX_FRAMES

    def write(self, payloads: Sequence[tuple[bytes, int]]) -> list[int]:
        """Write (payload, CRC32C) records at `end` and return their positions. Only `advance` moves `end`, so a batch that failed
        is written again to the same place."""
        at = self.end
        positions = []
        for payload, crc in payloads:
            _write_all(self._fd, _RECORD.pack(len(payload), crc), payload, at)
            positions.append(at)
            at += record_bytes(len(payload))
        return positions

    def advance(self, total_bytes: int, frames: int) -> None:
        """Move `end` past the records written last, once they are committed."""
        self.end += total_bytes
        self.frames += frames

    def sync(self) -> None:
        """Call fdatasync. Harmless after close."""
        with self._lock:
            if self._fd >= 0:
                os.fdatasync(self._fd)

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


def _write_all(fd: int, head: bytes, payload: bytes, at: int) -> None:
    total = record_bytes(len(payload))
    done = os.pwritev(fd, [head, payload, PADDING], at)
    if done < total:  # the disk filled up or a signal came; write the rest in one piece
        rest = memoryview(head + payload + PADDING)
        while done < total:
            done += os.pwrite(fd, rest[done:], at + done)


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_broken(error: OSError) -> bool:
    """Return whether `error` says that the disk has lost something, which no other try brings back."""
    return error.errno in _BROKEN


def sync_segment(path: Path) -> None:
    """Make a segment durable that another process wrote, if it is there and can be opened. Raises OSError."""
    fd = open_segment(path)
    if fd is not None:
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)


def _checked(record: memoryview, payload_bytes: int) -> memoryview | None:
    """Return the payload of a whole record, or None when it differs from what the index says."""
    from crc32c import crc32c  # here, as most processes that open a log read no frames, and it loads a good deal

    if len(record) < _RECORD.size + payload_bytes:
        return None
    length, crc = _RECORD.unpack_from(record)
    payload = record[_RECORD.size : _RECORD.size + payload_bytes]
    return payload if length == payload_bytes and crc32c(payload) == crc else None


def open_segment(path: Path) -> int | None:
    """Open a segment for reading; None when there is no such file or the disk cannot give it. Any other error is raised: a process
    that lacks descriptors, memory or the right to read must not declare a whole picture lost."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _NO_SEGMENT:
            return None
        raise


def read_cold(path: Path, position: int, payload_bytes: int) -> memoryview | None:
    """Read one payload by pread into new memory. None when it is lost: the file is gone, the disk does not give it, or the record
    is damaged or differs from the index. Raises OSError."""
    fd = open_segment(path)
    if fd is None:
        return None
    try:
        return read_at(fd, position, payload_bytes)
    except OSError as error:
        if is_broken(error):
            return None
        raise
    finally:
        os.close(fd)


def read_at(fd: int, position: int, payload_bytes: int) -> memoryview | None:
    """Read one payload of an open segment into new memory. None when the record differs from what the index says. Raises
    OSError."""
    return _checked(memoryview(os.pread(fd, _RECORD.size + payload_bytes, position)), payload_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapped:
    """A mapped segment, and the descriptor by which its file is read ahead of a touch."""

    memory: mmap.mmap
    fd: int


class SegmentMaps:
    """A reader's mappings of hot segments. Payloads are slices of a mapping and keep it alive, even after retention drops its file.
    Use from one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._nowhere = -1  # /dev/null, once a segment is mapped: a reader that has read nothing holds no descriptor
        self._maps: OrderedDict[int, _Mapped] | None = OrderedDict()

    def read(self, segment: int, position: int, payload_bytes: int) -> memoryview | None:
        """Return the payload, or None when it is lost: the file is gone or shorter than the index says, the disk does not give it,
        or the checksum is bad. Raises OSError."""
        mapped = self._mapped(segment)
        end = position + record_bytes(payload_bytes)
        # fstat asks the file, not the mapping: pages past a truncated file's end would raise SIGBUS.
        if mapped is None or end > min(len(mapped.memory), os.fstat(mapped.fd).st_size):
            return None
        if not _can_be_read(mapped.fd, position, end, self._nowhere):
            return None
        return _checked(memoryview(mapped.memory)[position:end], payload_bytes)

    def drop_unlinked(self) -> None:
        """Forget segments that retention removed; their memory is freed with the last payload."""
        for segment in [found for found in self._open() if not self._path(found).exists()]:
            os.close(self._open().pop(segment).fd)

    def close(self) -> None:
        """Forget all segments. Closing twice is harmless."""
        if self._maps is None:
            return
        for mapped in self._maps.values():
            os.close(mapped.fd)
        if self._nowhere >= 0:
            os.close(self._nowhere)
        self._maps = None

    def _open(self) -> OrderedDict[int, _Mapped]:
        if self._maps is None:
            raise ClosedError("the reader of this log's segments is closed")
        return self._maps

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment}.seg"

    def _mapped(self, segment: int) -> _Mapped | None:
        maps = self._open()
        if segment not in maps:
            if self._nowhere < 0:
                self._nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            mapped = _map(self._path(segment))
            if mapped is None:
                return None
            maps[segment] = mapped
            if len(maps) > _MAX_MAPS:
                os.close(maps.popitem(last=False)[1].fd)
        maps.move_to_end(segment)
        return maps[segment]


def _can_be_read(fd: int, start: int, end: int, nowhere: int) -> bool:
    """Bring a record into memory, and return False where that fails: to touch what a broken disk does not give raises SIGBUS, which
    would end this process, and each successor that reads on from there.

    Sending it to `nowhere` (/dev/null) copies nothing. Python's lock is free meanwhile: a broken disk may try for minutes, and the
    other threads have signs of life to give.
    """
    while start < end:
        try:
            sent = os.sendfile(nowhere, fd, start, end - start)
        except OSError as error:
            if is_broken(error):
                return False
            if error.errno == errno.EINVAL:  # a file system that cannot send does not tell
                return True
            raise
        if sent == 0:  # the file has become shorter
            return False
        start += sent
    return True


def _map(path: Path) -> _Mapped | None:
    fd = open_segment(path)
    if fd is None:
        return None
    try:
        return _Mapped(memory=mmap.mmap(fd, 0, prot=mmap.PROT_READ), fd=fd)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, ValueError):  # an empty file
            return None
        raise
