"""framehop: real-time object detection on many video streams, with a durable log and nothing lost silently.

    import framehop

    for event in framehop.run("clip.mp4", log="./framehop-data"):
        print(event.event_id, [(o.label, o.confidence) for o in event.objects])

There are three verbs, `ingest`, `detect` and `run`; the `Pipeline` behind them, which your own program can start, feed and stop;
`stream`, which takes pictures of your own; `live` and `draw`, which show what is found as it is found; and the pieces that all of
it is made of. Names are loaded on first use: `import framehop` itself is quick and pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # without `typing`, which takes longer to load than all that is here
if TYPE_CHECKING:
    from framehop._core import (
        FrameReceiver,
        FrameSender,
        JpegDecoder,
        Ring,
        RingReader,
        __version__,
        decode_jpeg,
        encode_jpeg,
    )
    from framehop.config.detect_options import DetectOptions
    from framehop.errors import FramehopError
    from framehop.inference.engine import Engine, EngineOptions, load_model
    from framehop.log import open_log
    from framehop.ops.audit import audit
    from framehop.pipeline.api import detect, ingest, run
    from framehop.pipeline.live import live
    from framehop.pipeline.pipeline import Pipeline
    from framehop.pipeline.stream import stream
    from framehop.pipeline.taps.tap import attach
    from framehop.sinks.draw import draw
    from framehop.types import Event, Frame, FrameKey

__all__ = [
    "DetectOptions",
    "Engine",
    "EngineOptions",
    "Event",
    "Frame",
    "FrameKey",
    "FrameReceiver",
    "FrameSender",
    "FramehopError",
    "JpegDecoder",
    "Pipeline",
    "Ring",
    "RingReader",
    "__version__",
    "attach",
    "audit",
    "decode_jpeg",
    "detect",
    "draw",
    "encode_jpeg",
    "ingest",
    "live",
    "load_model",
    "open_log",
    "run",
    "stream",
]

_HOME = {
    "DetectOptions": "framehop.config.detect_options",
    "Engine": "framehop.inference.engine",
    "EngineOptions": "framehop.inference.engine",
    "Event": "framehop.types",
    "Frame": "framehop.types",
    "FrameKey": "framehop.types",
    "FrameReceiver": "framehop._core",
    "FrameSender": "framehop._core",
    "FramehopError": "framehop.errors",
    "JpegDecoder": "framehop._core",
    "Pipeline": "framehop.pipeline.pipeline",
    "Ring": "framehop._core",
    "RingReader": "framehop._core",
    "__version__": "framehop._core",
    "attach": "framehop.pipeline.taps.tap",
    "audit": "framehop.ops.audit",
    "decode_jpeg": "framehop._core",
    "detect": "framehop.pipeline.api",
    "draw": "framehop.sinks.draw",
    "encode_jpeg": "framehop._core",
    "ingest": "framehop.pipeline.api",
    "live": "framehop.pipeline.live",
    "load_model": "framehop.inference.engine",
    "open_log": "framehop.log",
    "run": "framehop.pipeline.api",
    "stream": "framehop.pipeline.stream",
}


def _check_interpreter() -> None:
    """Raise ImportError in a subinterpreter, where loading the core would wait for ever."""
    try:
        interpreters = importlib.import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    except ImportError:
        return
    if interpreters.get_current() != interpreters.get_main():
        raise ImportError(
            "framehop works in Python's main interpreter alone, and this is a subinterpreter; "
            "under mod_wsgi set WSGIApplicationGroup %{GLOBAL}"
        )


_check_interpreter()


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'framehop' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
