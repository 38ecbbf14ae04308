"""Pictures of one's own camera code, put into a log without a pipeline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from framehop.config.detect_options import DEFAULT_LOG
from framehop.forks import Home
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.push import Pusher
from framehop.types import FrameKey, check_stream, to_micros

if TYPE_CHECKING:
    from framehop.pipeline.push import Pushable


class PushedStream:
    """A stream into which this process puts pictures; `stream` opens one. Thread-safe.

    Pictures are in the order in which `push` was called. In a child that this process forks every method but `close` raises
    ProcessError.
    """

    def __init__(self, name: str, at: LogAt) -> None:
        self._home = Home()
        self._name = check_stream(name)
        self._pusher = Pusher(at, create=True, over=f"stream {name} has been closed: open it again")
        try:
            self._pusher.begin(name)
        except BaseException:
            self._pusher.close()
            raise

    def push(self, picture: Pushable, *, captured_at: datetime | int | None = None, timeout_s: float = 5.0) -> FrameKey:
        """Put one picture into the log; returns its key, which its event carries too.

        `picture`: the bytes of a JPEG, or uint8 [height, width, 3], RGB. `captured_at`: when it was taken, a datetime with a zone
        or microseconds since 1970; None is now. Waits for room while the log is slower than the pictures. The frame is durable
        once acknowledged, see `flush`.

        Raises BackPressureError after `timeout_s`, and then the picture is not in the log; CorruptPictureError,
        PictureTooLargeError or InvalidArgumentError for a bad picture or time; ClosedError after `close`; LogError when the log
        has failed for good.
        """
        self._check_process()
        return self._pusher.push(self._name, picture, captured_us=_micros(captured_at), timeout_s=timeout_s)

    def try_push(self, picture: Pushable, *, captured_at: datetime | int | None = None) -> bool:
        """Put one picture into the log if there is room at once; False when the log is behind, and then the picture is not in it.
        Raises as `push` does, but no BackPressureError."""
        self._check_process()
        return self._pusher.try_push(self._name, picture, captured_us=_micros(captured_at))

    def flush(self, timeout_s: float) -> bool:
        """Wait until every picture pushed so far is in the log; False when the time is up. Raises LogError."""
        self._check_process()
        return self._pusher.flush(timeout_s)

    @property
    def stalled(self) -> str:
        """The reason why the log takes nothing at the moment, such as a full disk; else empty."""
        return self._pusher.stalled

    def close(self) -> None:
        """Give the stream up and close the log, after waiting up to five seconds for the pushed pictures; a warning says when some
        were not in the log by then. Closing twice is harmless."""
        if not self._home.left:
            self._pusher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_process(self) -> None:
        self._home.check(f"stream {self._name} is")


def stream(
    name: str, *, log: str | Path | LogAt = DEFAULT_LOG, log_options: LogOptions | KafkaOptions | None = None
) -> PushedStream:
    """Open the stream `name` of `log`, to put pictures into it from this process, which starts no other.

        with framehop.stream("gate-1", log="./framehop-data") as gate:
            gate.push(picture)

    A new epoch begins, as when a camera is switched on, and nobody else can write the stream until it is closed. A missing log is
    made. `log`, `log_options`: as for `open_log`. Raises StreamBusyError when the stream is being written already,
    InvalidArgumentError for a name that is no stream id, ConfigError, LogError.
    """
    return PushedStream(name, log if isinstance(log, LogAt) else LogAt.of(log, log_options))


def _micros(captured_at: datetime | int | None) -> int | None:
    return to_micros(captured_at) if isinstance(captured_at, datetime) else captured_at
