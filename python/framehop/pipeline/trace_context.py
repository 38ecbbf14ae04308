"""The trace context of a frame, by which tracers follow it from ingest to its event."""

from __future__ import annotations

import os


def new_traceparent() -> str:
    """Return a fresh W3C trace context: version, trace id, parent id, sampled."""
    ids = os.urandom(24).hex()  # at once: every frame of every camera gets one
    return f"00-{ids[:32]}-{ids[32:]}-01"
