"""The trace context of a frame, by which tracers follow it from ingest to its event."""

from __future__ import annotations

import secrets


def new_traceparent() -> str:
    """Return a fresh W3C trace context: version, trace id, parent id, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
