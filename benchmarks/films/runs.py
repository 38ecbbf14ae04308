"""One measured run: a program in a fresh process, and what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.harness.processes import ROOT, BenchmarkError
from framehop.sources.passthrough import PassedVideo

DEADLINE_S = 1800.0
MODEL = ROOT / "python" / "framehop" / "models" / "coco_ssd" / "model.onnx"
HAS_OPENCV = "import cv2, onnxruntime"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """`bytes`: what came out, or by how much a process grew."""

    wall_s: float
    cpu_s: float
    frames: int
    bytes: int

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a frame."""
        return self.cpu_s * 1000 / self.frames


class Programs:
    """The way in which everyone is started. `film`: of H.264, measured alone; whole runs read it four times."""

    def __init__(self, film: Path, peers_python: str, directory: Path) -> None:
        self._film, self._peers_python, self._directory = film, peers_python, directory
        self._bare = directory / "bare"
        self._units = directory / "units"
        libraries = ["-lavcodec", "-lswscale", "-lavutil"]
        _output(["cc", "-O2", "-o", str(self._bare), str(ROOT / "benchmarks/films/bare.c"), *libraries])
        with self._units.open("wb") as file:
            for unit in PassedVideo(film, stream="s").pictures():
                file.write(len(unit.payload).to_bytes(4, "big") + unit.payload)

    @property
    def has_peers(self) -> bool:
        done = subprocess.run([self._peers_python, "-c", HAS_OPENCV], capture_output=True, check=False)
        return done.returncode == 0

    def ours(self, what: str, *more: int) -> Run:
        return _heard([sys.executable, "-m", "benchmarks.films.measured", what, str(self._film), *map(str, more)])

    def bare(self, what: str) -> Run:
        return _heard([str(self._bare), what, str(self._units)])

    def opencv(self, what: str) -> Run:
        films = [str(MODEL), *[str(self._film)] * 4] if what == "detect" else [str(self._film)]
        return _heard([self._peers_python, str(ROOT / "benchmarks/films/peers.py"), what, *films])

    def whole(self, codec: str) -> Run:
        """`framehop run` of the film as four streams, as fast as it goes: CPU seconds of all its processes."""
        with tempfile.TemporaryDirectory(dir=self._directory) as folder:
            report = Path(folder) / "report.json"
            sources = [f"cam-{k}={self._film}" for k in range(4)]
            words = [
                "run",
                *sources,
                "--codec",
                codec,
                "--rate",
                "max",
                "--log",
                f"{folder}/log",
                "--report",
                str(report),
            ]
            began, used = time.monotonic(), os.times()
            _output([sys.executable, "-m", "framehop", *words])
            wall_s, after = time.monotonic() - began, os.times()
            status = json.loads(report.read_text())["status"]
            size = sum(file.stat().st_size for file in (Path(folder) / "log" / "frames").iterdir())
        cpu_s = after.children_user + after.children_system - used.children_user - used.children_system
        return Run(wall_s=wall_s, cpu_s=cpu_s, frames=status["events"], bytes=size)


def _heard(command: Sequence[str]) -> Run:
    return msgspec.json.decode(_output(command).strip().splitlines()[-1], type=Run)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command[:6])}: {error.stderr[-800:]}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{' '.join(command[:6])} did not end within {DEADLINE_S:.0f} s") from error
    return done.stdout
