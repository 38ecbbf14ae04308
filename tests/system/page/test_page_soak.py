"""Sixteen streams on the wall for ten minutes, and what that takes from the pipeline; only with --soak."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.browser import visiting
from tests.system.harness import House
from tests.system.page.test_page_pipeline import page_of
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


def look_at(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("[data-tone=ok][data-event]", timeout=120_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_wall_of_sixteen_streams_takes_nothing_from_the_pipeline_and_grows_nowhere(
    house: House, browser: Browser
) -> None:
    sources = [f"cam-{number}=testsrc:?size=640x360&rate={RATE}" for number in range(STREAMS)]
    with page_of(house, *sources) as (address, _):
        until(lambda: house.events() > STREAMS, "first events", 120)
        [ui] = [each for each in psutil.Process(os.getpid()).children() if "ui" in each.cmdline()]
        nobody = events_in(house, LOOK_S)
        with ExitStack() as looking:
            pages = [looking.enter_context(visiting(browser)) for _ in range(VIEWERS)]
            for page in pages:
                look_at(page, address)
            somebody = events_in(house, LOOK_S)
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
        busy = ui.cpu_times()
        events_in(house, LOOK_S)
        later = ui.cpu_times()
        print(f"the page's process, with nobody looking: {100 * (later.user - busy.user) / LOOK_S:.1f} % of a core")
