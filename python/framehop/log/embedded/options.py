"""The options for opening an embedded log."""

from __future__ import annotations

from typing import Literal

import msgspec

from framehop.errors import ConfigError

MIB = 1 << 20
GIB = 1 << 30
DAY_S = 86_400.0

Durability = Literal["process", "power"]


class LogOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one opening of an embedded log; only `partitions` is kept with the log.

    `partitions`: 1 to 1024, used when the log is made and fixed from then on.
    `durability`: with `process` an acknowledged frame survives kill -9 of anything, but power loss may take the newest 50 ms; with
    `power` it survives power loss as well.
    `retain_bytes`, `retain_age_s`: whole closed segments beyond either limit are dropped, oldest first; None is no limit. The
    segments being written come on top. Processes that write apply the limits.
    `retain_event_age_s`: events are dropped when they are older than this and their frame is gone; None keeps them for ever.
    `retain_disk_share`: the log takes no more than this part of its own size and the disk's free space together, 0 to 1; None is no
    limit.
    `retain_hard`: also drop what a group has not read yet; otherwise the log grows beyond its limits.
    `segment_bytes`: size of one file of frames; a file also ends after 8,192 frames.
    `reserve_bytes`: frames are not taken while less than this is free on the disk, so that events and clean-up have room.
    `session_timeout_s`: a member of a group that is silent for so long loses its partitions.
    `queue_bytes`: bound of a writer's queue.
    """

    partitions: int = 8
    durability: Durability = "process"
    retain_bytes: int | None = 10 * GIB
    retain_age_s: float | None = None
    retain_event_age_s: float | None = 30 * DAY_S
    retain_disk_share: float | None = 0.5
    retain_hard: bool = False
    segment_bytes: int = 64 * MIB
    reserve_bytes: int = 32 * MIB
    session_timeout_s: float = 2.0
    queue_bytes: int = 64 * MIB

    def __post_init__(self) -> None:
        _check(1 <= self.partitions <= 1024, f"partitions must be 1 to 1024, not {self.partitions}")
        _check(self.durability in ("process", "power"), f"durability is process or power, not {self.durability!r}")
        _check(self.retain_bytes is None or self.retain_bytes >= 0, "retain_bytes must not be negative")
        _check(self.retain_age_s is None or self.retain_age_s > 0, "retain_age_s must be above 0")
        _check(
            self.retain_event_age_s is None or self.retain_event_age_s > 0,
            "retain_event_age_s must be above 0, or null",
        )
        _check(
            self.retain_disk_share is None or 0 < self.retain_disk_share <= 1,
            "retain_disk_share must be above 0 and at most 1, or null",
        )
        _check(4096 <= self.segment_bytes <= GIB, "segment_bytes must be 4 KiB to 1 GiB")
        _check(self.reserve_bytes >= 0, "reserve_bytes must not be negative")
        _check(self.session_timeout_s > 0, "session_timeout_s must be above 0")
        _check(self.queue_bytes > 0, "queue_bytes must be above 0")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"log: {message}")
