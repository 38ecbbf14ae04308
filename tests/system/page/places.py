"""Finds things on the page, and waits for them."""

from __future__ import annotations

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright, a package of the extra tools").expect
expect.set_options(timeout=30_000)  # the machine may be busy


def tile(name: str) -> str:
    return f'.tile[data-stream="{name}"]'


# Every view of the made-up world, and what is there once it is.
VIEWS = {
    "#/live": f"{tile('gate-1')}[data-event]",
    "#/live/gate-1": ".recent a",
    "#/events": "tbody a",
    "#/event/gate-1/1795000000000000/600/main": ".picture[data-event]",
    "#/system": ".panels .meter",
    "#/streams": "tbody a",
}
