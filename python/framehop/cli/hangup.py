"""Re-reads the streams of a configuration file when the process gets SIGHUP, or says that there is none."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from framehop.cli.output import complain, note
from framehop.errors import FramehopError
from framehop.pipeline.streams.stream_file import Changes, StreamFile
from framehop.pipeline.wake import Wake, readable

logger = logging.getLogger(__name__)

CLOSE_S = 1.0
BACKSTOP_S = 5.0  # a wake that was missed would be noticed by then


@contextmanager
def reread_on_hangup(file: StreamFile | None) -> Iterator[None]:
    """Let SIGHUP have `file` read again while inside. Without a file a service says that there is none and goes on, but a command
    ends with its terminal, unless nohup prevents it. Main thread only."""
    if file is None and (has_terminal() or signal.getsignal(signal.SIGHUP) != signal.SIG_DFL):
        yield
        return
    with _Rereader(file) as rereader:

        def handle(number: int, frame: FrameType | None) -> None:
            rereader.ask()

        before = signal.signal(signal.SIGHUP, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, before)


def has_terminal() -> bool:
    """Return whether a terminal may send us SIGHUP when it is closed. Who has none gets that signal only from somebody who means
    it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class _Rereader:
    """Reads the file, if there is one, in a thread of its own, as a signal handler must not wait."""

    def __init__(self, file: StreamFile | None) -> None:
        self._file = file
        self._wake = Wake()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="framehop-reread", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have the file read again, or say that there is none. Safe in a signal handler."""
        self._wake.ring()

    def _run(self) -> None:
        while not self._closed:
            if readable([self._wake.fileno()], BACKSTOP_S):
                self._wake.clear()
                if not self._closed:
                    self._answer()

    def _answer(self) -> None:
        if self._file is not None:
            self._read(self._file)
        else:
            note(
                "SIGHUP has nothing to read again, as no stream comes from a file of --config; SIGTERM ends this command"
            )

    def _read(self, file: StreamFile) -> None:
        try:
            changes = file.apply()
        except FramehopError as error:
            complain(f"{error}; the streams stay as they are")
        except Exception:  # our bug must not end the re-reading
            logger.exception("%s was not read again", file.path)
        else:
            note(f"{file.path} was read again: {_told(changes)}")

    def __enter__(self) -> _Rereader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed = True
        self._wake.ring()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._wake.close()


def _told(changes: Changes) -> str:
    parts = [
        f"{what} {', '.join(streams)}"
        for what, streams in (
            ("added", changes.added),
            ("removed", changes.removed),
            ("replaced", changes.replaced),
            ("other policy for", changes.judged),
        )
        if streams
    ]
    said = "; ".join(parts) or "no stream has changed"
    return (
        f"{said}. Only streams are read again: what else has changed waits for the next start" if changes.more else said
    )
