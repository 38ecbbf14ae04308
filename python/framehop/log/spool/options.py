"""The options of the spool, in which live streams wait on disk while their log is away."""

from __future__ import annotations

import msgspec

from framehop.errors import ConfigError

GIB = 1 << 30
MIN_BYTES = 1 << 20
MAX_AGE_S = 100 * 365 * 86_400.0


class SpoolOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the spool of one ingest host.

    `dir`: where it lies; empty for a directory beside ingest's state.
    `max_bytes`: what one ingest process keeps there; beyond it the oldest groups of pictures are dropped, with a gap record.
    `max_age_s`: what has waited for longer is dropped likewise; None is no limit.
    `drain_bytes_per_s`: the most that goes from the spool into the log per second; None is no limit. A limit below what the cameras
    give means that they never catch up.
    """

    dir: str = ""
    max_bytes: int = GIB
    max_age_s: float | None = None
    drain_bytes_per_s: int | None = None

    def __post_init__(self) -> None:
        _check(self.max_bytes >= MIN_BYTES, f"max_bytes must be {MIN_BYTES} or more, not {self.max_bytes}")
        _check(
            self.max_age_s is None or 0 < self.max_age_s <= MAX_AGE_S,
            f"max_age_s must be above 0 and at most {MAX_AGE_S:.0f}, or null",
        )
        _check(
            self.drain_bytes_per_s is None or self.drain_bytes_per_s > 0, "drain_bytes_per_s must be above 0, or null"
        )


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"spool: {message}")
