"""Asks for the segments of a playlist, where their lengths are too coarse to tell by their sum whether all have come."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from framehop.sources.announced import NO_PART, Absent
from framehop.sources.live.connecting import Connecting, options_of
from framehop.sources.live.playlists import joined, text_at, variants_in
from framehop.timing import Deadline

MOST_BYTES = 1 << 20  # of a playlist's text, which has some 20,000 segments
MOST_SEGMENTS = 4096  # half a day of ten seconds each; each costs a request
ASK_S = 60.0  # for all of them; no other begins later
# Each line is read once, whatever a hostile server has in it, and no lock of Python is held for long.
_SEGMENT = re.compile(
    r"^#EXTINF:([0-9]{1,9}+)(?:\.([0-9]{0,9}+))?+.*+\n(?:(?:#(?!EXTINF).*+)?+\n)*+([^#\s]\S*)", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a playlist. `url`: of its file, absolute. `seconds`: as the playlist has it, within `unit_s`, which is that of the
    last digit, as whole seconds may be rounded up or down."""

    url: str
    seconds: float
    unit_s: float


def confirmed(absent: Absent | None, how: Connecting, stopped: Callable[[], bool]) -> Absent | None:
    """Return what a recording lacks, by its length: `absent`. Where rounded lengths of segments may be all of the difference, what
    counts is which of the segments the server does not have. None when nothing is missing, or `stopped` before that is known."""
    if absent is None or absent.reason != NO_PART:
        return absent
    deadline = Deadline.after(ASK_S)

    def ends() -> bool:
        return stopped() or deadline.expired

    segments = segments_in(how, ends)
    if not 0 < len(segments) <= MOST_SEGMENTS or sum(segment.unit_s for segment in segments) < absent.seconds:
        return absent
    seconds = 0.0
    for segment in segments:
        seconds += 0.0 if _begins(segment.url, how, ends) else segment.seconds
        if ends():
            return absent if deadline.expired else None
    return Absent(reason=NO_PART, seconds=seconds) if seconds else None


def segments_in(how: Connecting, ends: Callable[[], bool]) -> list[Segment]:
    """Return the segments of the playlist at an address, or of the first one that it names; none if it cannot be read. `ends`:
    whether to read no more."""
    url = how.address.url
    text = _begins(url, how, ends)
    if (other := next(variants_in(text), None)) is not None:
        url = joined(url, other)
        text = _begins(url, how, ends)
    return [
        Segment(url=joined(url, name), seconds=float(f"{whole}.{digits or 0}"), unit_s=10.0 ** -len(digits or ""))
        for whole, digits, name in (match.groups() for match in _SEGMENT.finditer(text))
    ]


def _begins(url: str, how: Connecting, ends: Callable[[], bool]) -> str:
    """Return the text with which a file at an address begins; nothing if there is none."""
    options = options_of(how.address)
    return text_at(url, options, ends, open_s=how.open_s, read_s=how.stall_s, most=MOST_BYTES)
