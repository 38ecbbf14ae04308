"""Decides which streams are tracked: their objects get a number that stays from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from framehop.errors import ConfigError
from framehop.patterns import FirstFit, check_patterns

Track = Literal["off", "byte"]

TRACKS: tuple[Track, ...] = get_args(Track)


Written = str | bool  # YAML takes a bare `off` for False


def parse_track(written: Written) -> Track:
    """Return what a user has written, `byte` or `off`. Raises ConfigError."""
    text = "off" if written is False else str(written).strip()
    found = next((track for track in TRACKS if track == text), None)
    if found is None:
        raise ConfigError(f"track {text[:64]!r} is not known: use byte or off")
    return found


def parse_tracks(texts: Iterable[str]) -> dict[str, Track]:
    """Parse what is typed: for all streams, as `byte`, or for those that fit a pattern, as `gate-*=byte`. Raises ConfigError also
    when a pattern comes twice."""
    found: dict[str, Track] = {}
    for text in texts:
        pattern, _, track = text.rpartition("=")
        pattern = pattern or "*"
        if pattern in found:
            raise ConfigError(f"track: {pattern!r} is there twice: give it one of {' and '.join(TRACKS)}")
        found[pattern] = parse_track(track)
    check_tracks(found)
    return found


def check_tracks(tracks: Mapping[str, Track]) -> None:
    """Raise ConfigError if a key is no pattern of stream ids, or a value no way to track."""
    check_patterns("track", tracks)
    for track in tracks.values():
        parse_track(track)


class TrackedStreams:
    """Tells which streams are tracked: a stream's own setting counts, else the first pattern that fits; else it is not tracked.
    Thread-safe, with one thread that notes."""

    def __init__(self, tracks: Mapping[str, Track]) -> None:
        self._given = FirstFit(tracks)
        self._some = "byte" in tracks.values()
        self._own: dict[str, Track] = {}

    def note(self, stream: str, own: Track | None) -> None:
        """Note what a stream says itself; None where the patterns decide."""
        others = {name: known for name, known in self._own.items() if name != stream}  # readers keep the dict they have
        self._own = others if own is None else {**others, stream: own}

    def has(self, stream: str) -> bool:
        """Return whether a stream is tracked."""
        return (self._own.get(stream) or self._given.of(stream)) == "byte"

    @property
    def some(self) -> bool:
        """Whether any stream may be tracked."""
        return self._some or "byte" in self._own.values()
