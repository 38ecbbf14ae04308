"""Ingest's account of a source: what it saw, appended and left out. Also tells whether a source is the same as before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Things of one kind that a source has seen and that become no frames: the reason, how many, and the names of the first."""

    reason: str
    count: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.names) + (" …" if self.count > len(self.names) else "")
        return f"{self.count} {self.reason} ({shown})" if self.names else f"{self.count} {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestAccount:
    """The results of the newest ingest of one epoch of a stream. They are kept beside the frames and outlive them.

    `begun_us`, `kept_us`: when that ingest began, and when this was written, µs since 1970. `before`: frames that the epoch had
    when the ingest began. `appended`: frames acknowledged since then, of which `failed` have no pixels. `left_out` never reached
    the log. `ended`: `finished`, `stopped`, or an error; empty while the ingest is at work, or if it was killed.
    """

    stream: str
    epoch: int
    source: str
    begun_us: int
    kept_us: int
    before: int
    appended: int
    failed: int
    left_out: tuple[LeftOut, ...] = ()
    ended: str = ""

    @property
    def frames(self) -> int:
        """The number of frames that the epoch must have in the log, with seqs from 0 to one less."""
        return self.before + self.appended

    @property
    def seen(self) -> int:
        """The number of things that this ingest saw in the source, without those appended before, which it passes over."""
        return self.appended + sum(left.count for left in self.left_out)


def versioned(uri: str, version: str) -> str:
    """Return the name under which a log knows a source. `version` changes when what lies behind `uri` is replaced."""
    return f"{uri}#{version}" if version else uri


def is_same(last: str, now: str) -> bool:
    """Return whether a pass over the source `last` may be continued with the source `now`. A name without a version was written
    before there were versions."""
    return bool(last) and last in (now, now.rpartition("#")[0])


def is_replaced(last: str, now: str) -> bool:
    """Return whether `now` lies at the same path as `last` and is another source: other bytes, or the same ones read in another
    way, which the query behind the path says."""
    return not is_same(last, now) and "#" in now and "#" in last and _path_of(last) == _path_of(now)


def _path_of(name: str) -> str:
    return name.rpartition("#")[0].partition("?")[0]
