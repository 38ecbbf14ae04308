"""A runtime built for CUDA on a machine without it."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest


def without_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.inference.providers.DEVICES", ())
    monkeypatch.setattr("framehop.inference.providers.DRIVER", "libno-such-driver.so")


def broken_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    real = onnxruntime.InferenceSession

    def create(data: bytes, options: object, *, providers: list[tuple[str, object]], enable_fallback: int) -> object:
        assert enable_fallback == 0, "the runtime would print, and fall back by itself"
        if providers[0][0] != "CPUExecutionProvider":
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
        return real(data, options, providers=providers)

    monkeypatch.setattr("framehop.inference.providers.DEVICES", (Path("/dev/null"),))  # a driver without a device
    built_with = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: built_with)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", create)
