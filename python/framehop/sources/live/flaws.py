"""Tells films behind an address from cameras, when they cannot be read: a film is the same the next time, a camera may not be."""

from __future__ import annotations

import logging
import traceback

from framehop.errors import FramehopError, SourceAwayError, SourceError
from framehop.sources.address import without_secrets
from framehop.sources.container import FFmpegError, InputContainer, bytes_of, lacks_memory, reason_of

logger = logging.getLogger(__name__)

MOST_WORDS = 200  # of an error that is not ours
# Cameras send the last two; a playlist is as long as its text, and not as its pictures.
_NEVER_FILMS = frozenset({"hls", "mpjpeg", "mjpeg"})
# Some cameras claim a length for what has no end, most often the largest number that they can write. No such number is one of whole
# packets of a transport stream, and what has another container tells how long it lasts.
_LARGE, _PACKET = 2**30 - 1, 188
# How files of films begin: mp4 and mov, Matroska, AVI, ASF.
_FILMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free"), (b"\x1aE\xdf\xa3", b"RIFF", b"0&\xb2u")


class FlawError(SourceAwayError):
    """A film behind an address cannot be read, by no fault of the network that is known."""


def is_film(container: InputContainer) -> bool:
    """Return whether what was opened over HTTP has an end: it says how long it lasts, or how many bytes it has."""
    if container.duration:
        return True
    size = bytes_of(container)
    real = 0 < size < _LARGE or (size > 0 and size % _PACKET == 0)
    return real and container.format.name not in _NEVER_FILMS


def begins_as_film(data: bytes) -> bool:
    """Return whether bytes are the beginning of a film's file."""
    within, at_once = _FILMS
    return data[4:8] in within or data.startswith(at_once)


def told(error: Exception, name: str, *, film: bool) -> Exception:
    """Return what to raise for whatever went wrong with a source while it was read. An error of FFmpeg's binding that no code here
    expects is no end of a camera, which may send better things later. `film`: whether the source is one."""
    if lacks_memory(error) or (isinstance(error, FramehopError) and not isinstance(error, SourceAwayError)):
        return error
    kind = FlawError if film else SourceAwayError
    if isinstance(error, SourceAwayError):
        return kind(str(error)) if film else error
    what = reason_of(error) if isinstance(error, FFmpegError) else f"{type(error).__name__}: {error}"
    why = without_secrets(what)
    where = without_secrets("".join(traceback.format_exception(error)))
    logger.info("%s: where that came from, which may be a fault of framehop:\n%s", name, where)
    return kind(f"{name} sends what cannot be read: {why[:MOST_WORDS]}")


class Flaws:
    """Judges the failures of one source. Use from one thread."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None

    def judged(self, error: SourceAwayError, taken: int) -> SourceError:
        """Return what to raise for an error that ended a connection after so many pictures: a SourceError that no other try helps
        if a film has failed by the same error at the same place before."""
        last, self._last = self._last, (str(error), taken) if isinstance(error, FlawError) else None
        if self._last is None or last != self._last:
            return error
        return SourceError(f"{error}; so it was the last time, and a film does not change: mend the file")
