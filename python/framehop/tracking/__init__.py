"""Gives the same object the same number from one frame of a stream to the next."""

from __future__ import annotations

from framehop.tracking.tracker import IDS_PER_FRAME, KEPT_US, StreamTracker

__all__ = ["IDS_PER_FRAME", "KEPT_US", "StreamTracker"]
