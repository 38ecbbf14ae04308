"""A pipeline with the page beside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.system.harness import House


@contextmanager
def page_of(house: House, *sources: str, policy: str = "latest") -> Iterator[tuple[str, int]]:
    """Run a pipeline on these sources, and the page beside it. Yields its address, and the pipeline's process."""
    log = house.log.name  # as a user would write it: the page shows it
    options = ("--log", log, "--policy", policy, "--loop", "0")
    run = house.start("run", *sources, *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ui = house.start("ui", "--log", log, "--port", "0", "--json", stderr=subprocess.DEVNULL)
    assert ui.stdout is not None
    try:
        yield json.loads(ui.stdout.readline())["url"], run.pid
    finally:
        for process in (ui, run):
            process.terminate()
        for process in (ui, run):
            process.wait(timeout=60)
