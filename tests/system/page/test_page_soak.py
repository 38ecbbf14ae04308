"""Sixteen streams on the wall for ten minutes, half of them films, and what that takes from the pipeline; only with --soak."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.browser import visiting
from tests.clips import write_changing
from tests.system.harness import House
from tests.system.page.pipelines import page_of
from tests.system.ui import taps
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STREAMS = 16
RATE = 3  # frames per second of each: about two thirds of what two cores can detect, so a share that is taken shows
SETTLED_S, LOOK_S, WALL_S = 60.0, 60.0, 600.0
VIEWERS = 3
HEAP = "performance.memory.usedJSHeapSize"


def events_in(house: House, seconds: float) -> float:
    """Return how many events a second became durable in so many seconds from now."""
    before, began_s = house.events(), time.monotonic()
    until(lambda: time.monotonic() > began_s + seconds, "the time", seconds + 60)
    return (house.events() - before) / (time.monotonic() - began_s)


def server_bytes(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


def busy_s(process: psutil.Process) -> float:
    """Return the seconds of a core that a process has taken."""
    times = process.cpu_times()
    return float(times.user + times.system)


def look_at(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("[data-tone=ok][data-event]", timeout=120_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_wall_of_sixteen_streams_takes_nothing_from_the_pipeline_and_grows_nowhere(
    house: House, browser: Browser
) -> None:
    film = write_changing(house.path / "film.ts", [(640, 256)], 60 * RATE)
    cameras = [f"cam-{number}=testsrc:?size=640x360&rate={RATE}" for number in range(STREAMS // 2)]
    films = [f"film-{number}={film}" for number in range(STREAMS // 2)]
    with page_of(house, *cameras, *films, "--rate", str(RATE)) as (address, _):
        until(lambda: house.events() > STREAMS, "first events", 120)
        [ui] = [each for each in psutil.Process(os.getpid()).children() if "ui" in each.cmdline()]
        nobody = events_in(house, LOOK_S)
        with ExitStack() as looking:
            pages = [looking.enter_context(visiting(browser)) for _ in range(VIEWERS)]
            for page in pages:
                look_at(page, address)
            began = busy_s(ui)
            somebody = events_in(house, LOOK_S)
            looking_s = busy_s(ui) - began
            print(f"events/s with nobody {nobody:.2f}, with {VIEWERS} viewers {somebody:.2f}")
            assert somebody >= 0.97 * nobody
            for page in pages[1:]:
                page.goto("about:blank")
            events_in(house, SETTLED_S)
            first_heap, first = pages[0].evaluate(HEAP), server_bytes(ui.pid)
            events_in(house, WALL_S)
            last_heap, last = pages[0].evaluate(HEAP), server_bytes(ui.pid)
        print(
            f"server {first / 1e6:.1f} to {last / 1e6:.1f} MB, page {first_heap / 1e6:.1f} to {last_heap / 1e6:.1f} MB"
        )
        assert last < first + 48e6
        assert last_heap < first_heap + 24e6
        events_in(house, 15)  # nobody looks any more
        began = busy_s(ui)
        events_in(house, LOOK_S)
        alone_s = busy_s(ui) - began
        shares = [f"{100 * spent / LOOK_S:.1f} %" for spent in (looking_s, alone_s)]
        print(
            f"the page's process, of a core: {shares[0]} with {VIEWERS} viewers, {shares[1]} with nobody, for its index"
        )
        assert alone_s < looking_s / 2
        assert taps(house) == 0
