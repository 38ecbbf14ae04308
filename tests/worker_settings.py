"""Settings of a worker whose intake is tested without a log."""

from __future__ import annotations

from typing import Any

from framehop.log import LogAt
from framehop.motion import Motion
from framehop.pipeline.processes.settings import WorkerSettings


def settings_of(**changes: Any) -> WorkerSettings:
    """Return settings under which every frame is looked at. `changes`: fields of them."""
    fields: dict[str, Any] = {
        "log": LogAt.of("no-log"),
        "name": "worker-0",
        "group": "detect-main",
        "lane": "main",
        "start": "beginning",
        "ring_path": "no-ring",
        "decode_threads": 2,
        "max_pixels": 1 << 20,
        "video_bytes": 1 << 30,
        "max_attempts": 3,
        "regions": {},
        "min_size_px": 0.0,
        "suspects": [],
        "drain_s": 1.0,
        "sample": 1.0,
        "policies": {},
        "track": {},
        "traits": [],
        "when": "always",
        "motion": Motion(),
    }
    return WorkerSettings(**(fields | changes))
