"""Gives the same object the same number from one frame of a stream to the next."""

from __future__ import annotations

from framehop.tracking.look_clock import moment_of
from framehop.tracking.tracker import IDS_PER_FRAME, KEPT_US, StreamTracker

__all__ = ["IDS_PER_FRAME", "KEPT_US", "StreamTracker", "moment_of"]
