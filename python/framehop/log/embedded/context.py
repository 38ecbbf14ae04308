"""The state that all parts of one opened log share."""

from __future__ import annotations

from dataclasses import dataclass, field

from framehop import _core
from framehop.forks import Home
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.maintenance import Maintenance
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.presence import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class LogContext:
    """The shared state, handed to writers, consumers and readers and owned by the log."""

    paths: LogPaths
    options: LogOptions
    partitions: int
    presence: Presence
    bell: _core.Bell
    maintenance: Maintenance
    home: Home = field(default_factory=Home)
