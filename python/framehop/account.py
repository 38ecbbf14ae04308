"""What ingest has made of a source: what it saw, what it appended, what it left out. And when a source is the same as before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Things of one kind that a source has seen and that become no frames: why, how many, and what the first were called."""

    reason: str
    count: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.names) + (" …" if self.count > len(self.names) else "")
        return f"{self.count} {self.reason} ({shown})" if self.names else f"{self.count} {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestAccount:
    """What the newest ingest of one epoch of a stream came to. It is kept beside the frames and does not go with them.

    `begun_us`, `kept_us`: when that ingest began, and when this was written, µs since 1970. `before`: frames that the epoch had
    when it began. `appended`: acknowledged since then, of which `failed` have no pixels. `left_out` never reached the log.
    `ended`: how it ended: `finished`, `stopped`, or an error; empty while it is at work, or when it was killed.
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
        """That the epoch must have in the log: seq 0 to one less."""
        return self.before + self.appended

    @property
    def seen(self) -> int:
        """Of the source, by this ingest: what had been appended before is passed over."""
        return self.appended + sum(left.count for left in self.left_out)


def versioned(uri: str, version: str) -> str:
    """The name under which a log knows a source. `version` is another one when what lies behind `uri` was replaced."""
    return f"{uri}#{version}" if version else uri


def is_same(last: str, now: str) -> bool:
    """Whether a pass over the source `last` may be gone on with by the source `now`. Names without a version are of the time
    before there were versions."""
    return bool(last) and last in (now, now.rpartition("#")[0])


def is_replaced(last: str, now: str) -> bool:
    """Whether it lies in the same place and is not the same."""
    return not is_same(last, now) and "#" in now and last.rpartition("#")[0] == now.rpartition("#")[0]
