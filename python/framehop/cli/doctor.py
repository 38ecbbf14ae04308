"""The command doctor: what is installed, what the rings need, and what is in the way."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Iterator

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from framehop import _core
from framehop.cli import detecting, options
from framehop.cli.model_check import Check, check_model
from framehop.cli.option_values import detect_options
from framehop.cli.output import out, write_json_line
from framehop.cli.runtime_check import RUNTIMES, check_runtimes, version_of
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import usable_cores
from framehop.errors import FramehopError
from framehop.installing import install
from framehop.log import sqlite_version
from framehop.ring import check_memory, memory_limits, plan_ring, video_memory

PACKAGES = (
    *("numpy", "apsw", "pyzmq", "confluent-kafka", "av", "pillow"),
    *RUNTIMES,
    *("nvidia-dali-cuda130", "nvidia-dali-cuda120"),
)


def doctor(
    model: detecting.Model = "coco-ssd",
    provider: detecting.Device = "auto",
    tiles: detecting.Tiles = "",
    fp16: detecting.Fp16 = False,
    allow_fallback: detecting.AllowFallback = False,
    workers: detecting.Workers = 1,
    slots: detecting.Slots = 32,
    slot_mib: detecting.SlotMib = 4.0,
    max_batch: detecting.MaxBatch = 8,
    preprocess: detecting.Preprocessing = "auto",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Check this machine and a model: versions, memory for the rings, runtimes, one run of the network. Status 1 on a problem."""
    settings = detect_options(
        model=model,
        provider=provider,
        tiles=tiles,
        fp16=fp16,
        allow_fallback=allow_fallback,
        workers=workers,
        slots=slots,
        slot_mib=slot_mib,
        max_batch=max_batch,
        preprocess=preprocess,
    )
    checks = [*_versions(), *_memory(settings), *check_runtimes(settings), *_video(settings), *check_model(settings)]
    if json:
        write_json_line(msgspec.json.encode(checks))
    else:
        _print(checks)
    if any(check.verdict == "problem" for check in checks):
        raise typer.Exit(1)


def _print(checks: list[Check]) -> None:
    table = Table(box=None, show_header=False)
    colours = {"ok": "green", "note": "yellow", "problem": "bold red"}
    for check in checks:
        table.add_row(f"[{colours[check.verdict]}]{check.verdict}[/]", check.topic, escape(check.text))
    out.print(table)


def _versions() -> Iterator[Check]:
    yield Check("framehop", "ok", f"{_core.__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Check("cores", "ok", f"{usable_cores()} usable")
    yield Check("sqlite", "ok", sqlite_version())
    found = {name: version for name in PACKAGES if (version := version_of(name))}
    yield Check("packages", "ok", ", ".join(f"{name} {version}" for name, version in found.items()))


def _memory(settings: DetectOptions) -> Iterator[Check]:
    plan = plan_ring(settings.slots, settings.slot_bytes, settings.tap_quota)
    for limit in memory_limits():
        yield Check("memory", "ok", f"{limit.name}: {limit.free_bytes / (1 << 20):,.0f} MiB free")
    try:
        check_memory(plan, settings.workers, link_bytes=settings.link_bytes)
    except FramehopError as error:
        yield Check("rings", "problem", str(error))
    else:
        needed = (plan.total_bytes + settings.link_bytes) * settings.workers
        links = f" and {settings.link_bytes / (1 << 20):,.0f} MiB each to detectors" if settings.link_bytes else ""
        yield Check(
            "rings", "ok", f"{needed / (1 << 20):,.0f} MiB for {settings.workers} × {settings.slots} slots{links}"
        )


def _video(settings: DetectOptions) -> Iterator[Check]:
    if importlib.util.find_spec("av") is None:
        yield Check("video", "note", f"cameras and films cannot be read: {install('video')}")
    if _core.VIDEO:
        plan = plan_ring(settings.slots, settings.slot_bytes, settings.tap_quota)
        room = video_memory(plan, settings.workers, link_bytes=settings.link_bytes) / (1 << 20)
        yield Check(
            "decoder", "ok", f"H.264 and H.265 in the log are decoded here, in up to {room:,.0f} MiB per worker"
        )
    else:
        yield Check(
            "decoder",
            "note",
            "H.264 and H.265 in the log cannot be decoded here: install libavcodec-dev, libavutil-dev and libswscale-dev, "
            "then build framehop again",
        )
