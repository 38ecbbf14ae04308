"""A browser, and the page over a made-up server that a test can stop and break as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, visiting
from tests.page_server import serving
from tests.page_world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start a browser. This fixture is for this folder alone: while Playwright runs no other test of the process can have an event
    loop."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def served() -> Iterator[tuple[World, str]]:
    world = World()
    with serving(world) as address:
        yield world, address


@pytest.fixture
def world(served: tuple[World, str]) -> World:
    served[0].reset()
    return served[0]


@pytest.fixture
def address(served: tuple[World, str]) -> str:
    return served[1]


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    with visiting(browser) as opened:
        yield opened
