"""Puts pictures that the embedding program hands over into the log."""

from __future__ import annotations

import operator
import secrets
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from framehop._core import encode_jpeg
from framehop.errors import (
    BackPressureError,
    ClosedError,
    CorruptPictureError,
    InvalidArgumentError,
    PictureTooLargeError,
)
from framehop.log import LogAt
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.trace_context import new_traceparent
from framehop.protocols import Ack, FrameLog, FrameWriter
from framehop.sources.raster import JPEG_MAGIC, MAX_FILE_BYTES, MAX_PIXELS
from framehop.timing import Deadline, now_us
from framehop.types import Frame, FrameKey, check_stream, rfc3339

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

    from framehop.log.spool.spooled_log import SpooledLog

    Pushable = bytes | bytearray | memoryview | NDArray[np.uint8]

QUALITY = 85  # of the JPEGs that are made of arrays


@dataclass(slots=True)
class _Stream:
    """A stream of pushed pictures, live and thus of one epoch. `lock`: pictures of one stream go in one after another."""

    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    epoch: int | None = None
    gone: bool = False
    next_seq: int = 0
    acked: int = 0

    def on_ack(self, _ack: Ack) -> None:
        self.acked += 1  # only ever from the writer's one thread


class Pusher:
    """Puts pushed pictures into the log, which it opens with the first. Thread-safe; streams do not wait for each other."""

    def __init__(
        self,
        at: LogAt,
        *,
        create: bool = False,
        over: str = "this pipeline has been stopped: make a new Pipeline",
    ) -> None:
        """Opens nothing yet. `create`: make a missing log. `over`: what a ClosedError says after `close`."""
        self._at = at
        self._create = create
        self._over = over
        self._lock = threading.Lock()
        self._streams: dict[str, _Stream] = {}
        self._log: FrameLog | SpooledLog | None = None
        self._writer: FrameWriter | None = None
        self._closed = False

    def push(self, stream: str, picture: Pushable, *, captured_us: int | None, timeout_s: float) -> FrameKey:
        """Put one picture into the log; see Pipeline.push."""
        key = self._put(stream, picture, captured_us, Deadline.after(timeout_s))
        if key is None:
            raise _too_slow(stream, timeout_s, self.stalled)
        return key

    def try_push(self, stream: str, picture: Pushable, *, captured_us: int | None) -> bool:
        """Put one picture into the log if it has room now; see `stream`."""
        return self._put(stream, picture, captured_us, Deadline.after(0.0)) is not None

    def begin(self, stream: str) -> None:
        """Open the log and begin the stream's epoch now, not with the first picture. Raises LogError, StreamBusyError."""
        held = self._held(check_stream(stream), Deadline.after(0.0))
        assert held is not None, "nobody else knows the stream yet"
        try:
            self._begin(held, self._opened())
        finally:
            held.lock.release()

    def _put(self, stream: str, picture: Pushable, captured_us: int | None, deadline: Deadline) -> FrameKey | None:
        """Return the key of the picture; None when the log had no room for it by the deadline."""
        time_us = _time_us(captured_us)
        payload, width, height = self._encoded(picture)
        held = self._held(check_stream(stream), deadline)
        if held is None:
            return None
        try:
            writer = self._opened()
            self._begin(held, writer)
            frame = _frame(held, payload, width, height, time_us)
            if not writer.append(frame, held.on_ack, deadline.remaining_s):
                return None
            held.next_seq += 1
            return frame.key
        finally:
            held.lock.release()

    def _held(self, name: str, deadline: Deadline) -> _Stream | None:
        """Return the stream with its lock taken; None when others held the lock for too long."""
        while True:
            with self._lock:
                self._check_open()
                held = self._streams.setdefault(name, _Stream(name))
            if not held.lock.acquire(timeout=deadline.remaining_s):
                return None
            if not held.gone:
                return held
            held.lock.release()  # the stream was given up while we waited: take the next one of this name

    def _encoded(self, picture: Pushable) -> tuple[bytes, int, int]:
        """Return JPEG bytes with width and height, 0 if unknown."""
        if _is_array(picture):
            payload, width, height = _encoded_array(picture)
        else:
            payload, width, height = _bytes_of(picture), 0, 0
        _check_size(len(payload))
        return payload, width, height

    def _opened(self) -> FrameWriter:
        with self._lock:
            self._check_open()
            if self._writer is None:
                self._log = self._at.writing(create=self._create)
                self._writer = self._log.writer()
            return self._writer

    def _begin(self, held: _Stream, writer: FrameWriter) -> None:
        if held.epoch is not None:
            return
        try:
            held.epoch = writer.open_stream(held.name, source=f"push:{secrets.token_hex(4)}", finite=False).epoch
        except BaseException:
            self._forget(held)  # most often because another process writes the stream
            raise

    def _forget(self, held: _Stream) -> None:
        with self._lock:
            held.gone = True
            del self._streams[held.name]

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(self._over)

    # ---- giving up, waiting, looking

    def has(self, stream: str) -> bool:
        with self._lock:
            return stream in self._streams

    def drop(self, stream: str, timeout_s: float) -> bool:
        """Give the stream up once its frames are in the log: the next push begins a new epoch. False when there is no such stream,
        and when the time is up; then the stream stays."""
        deadline = Deadline.after(timeout_s)
        with self._lock:
            held, writer = self._streams.get(stream), self._writer
        if held is None or writer is None or not held.lock.acquire(timeout=deadline.remaining_s):
            return False
        try:
            if held.gone:
                return True
            if not writer.close_stream(stream, deadline.remaining_s):
                return False
            self._forget(held)
            return True
        finally:
            held.lock.release()

    def flush(self, timeout_s: float) -> bool:
        """Wait until every picture pushed so far is in the log; False when the time is up. Raises LogError."""
        with self._lock:
            writer = self._writer
        return writer is None or self._closed or writer.flush(Deadline.after(timeout_s).remaining_s)

    @property
    def stalled(self) -> str:
        with self._lock:
            return self._writer.stalled if self._writer and not self._closed else ""

    def statuses(self) -> dict[str, StreamStatus]:
        with self._lock:
            return {
                name: StreamStatus(
                    stream=name, source="push", phase="running", appended=held.next_seq, acked=held.acked
                )
                for name, held in self._streams.items()
                if held.epoch is not None
            }

    def close(self) -> None:
        """Close the log after waiting up to five seconds for the queued pictures; waiting pushes raise ClosedError. Closing twice
        is harmless."""
        with self._lock:
            self._closed = True
            writer, log = self._writer, self._log
            self._writer = self._log = None
        if writer is not None and log is not None:
            writer.close()
            log.close()


def _is_array(picture: Pushable) -> TypeIs[NDArray[np.uint8]]:
    """Return whether it is an array, of any type and shape. Without NumPy loaded there are none, and it is not loaded for that."""
    kind = getattr(sys.modules.get("numpy"), "ndarray", None)  # there is none while another thread is just loading it
    return kind is not None and isinstance(picture, kind)


def _bytes_of(picture: bytes | bytearray | memoryview) -> bytes:
    try:
        view = memoryview(picture)  # bytes() alone would make bytes of a number and of a list too
    except TypeError as error:  # a path, an image of another library
        raise InvalidArgumentError(
            f"a {type(picture).__name__} is no picture: push the bytes of a JPEG, or its pixels as an array"
        ) from error
    _check_size(view.nbytes)  # before it is copied
    payload = picture if type(picture) is bytes else bytes(view)
    if not payload.startswith(JPEG_MAGIC):
        raise CorruptPictureError(
            f"these {len(payload)} bytes do not begin as a JPEG does: push JPEG bytes, or the pixels as an array"
        )
    return payload


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise PictureTooLargeError(f"a picture has {size} bytes as a JPEG; {MAX_FILE_BYTES} are allowed")


def _encoded_array(pixels: NDArray[np.uint8]) -> tuple[bytes, int, int]:
    import numpy as np

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidArgumentError(
            f"an array of {pixels.dtype} {list(pixels.shape)} is no picture: push uint8 [height, width, 3], RGB"
        )
    height, width = pixels.shape[:2]
    if height * width > MAX_PIXELS:
        raise PictureTooLargeError(f"a picture has {width} x {height} pixels; {MAX_PIXELS} in all are allowed")
    return encode_jpeg(np.ascontiguousarray(pixels), quality=QUALITY), width, height


def _time_us(captured_us: int | None) -> int | None:
    """Return the time as an int; an integer of NumPy is none to the log."""
    try:
        time_us = None if captured_us is None else operator.index(captured_us)
        rfc3339(time_us or 0)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidArgumentError(
            f"{captured_us!r} is no time of a picture: give microseconds since 1970, in the years 1 to 9999"
        ) from error
    return time_us


def _frame(held: _Stream, payload: bytes, width: int, height: int, captured_us: int | None) -> Frame:
    assert held.epoch is not None
    received_us = now_us()
    return Frame(
        key=FrameKey(held.name, held.epoch, held.next_seq),
        payload=payload,
        captured_us=received_us if captured_us is None else captured_us,
        received_us=received_us,
        clock="ingest" if captured_us is None else "camera",
        width=width,
        height=height,
        traceparent=new_traceparent(),
    )


def _too_slow(stream: str, timeout_s: float, stalled: str = "") -> BackPressureError:
    why = f": {stalled}" if stalled else "; push less often, or wait longer (timeout_s)"
    return BackPressureError(f"the log did not take a picture of {stream} within {timeout_s:g} s{why}")
