"""Keeps ONNX Runtime to itself: since 1.32 it reports to Microsoft on Linux too, which machine, models and times it runs with."""

from __future__ import annotations

import os

_OPT_OUT = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")  # 1.32 reads the first, builds before it the second


def refuse_telemetry() -> None:
    """Have ONNX Runtime send nothing and keep no identifier on disk, unless the user's environment says otherwise. It looks once,
    when it is imported, so call it before that; a program that imported it earlier has decided for itself."""
    if not any(name in os.environ for name in _OPT_OUT):
        os.environ.update(dict.fromkeys(_OPT_OUT, "1"))
