"""The page over the real server and a log, in a real browser: who may look, and what strangers have written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framehop.log import LogAt
from framehop.testing.synthetic import jpeg
from framehop.web.access import Token
from framehop.web.server import PageAddress, PageServer
from tests.browser import visiting
from tests.pages import Filled
from tests.system.page.places import expect, tile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOKEN = "correct-horse-battery"
HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>" + "A" * 10_000


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """A log with an event whose label is hostile, and one whose reason is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", list)
    log = Filled(tmp_path / "log")
    log.put("gate", pictures=[jpeg(shade=shade) for shade in (10, 20, 30)], labels=(HOSTILE,))
    log.put("yard", outcome="failed", reason=HOSTILE, labels=())
    return log


@contextmanager
def looking(browser: Browser, log: Filled, **address: object) -> Iterator[tuple[Page, str]]:
    """Serve a log, and open a browser that looks at it by its address on this host."""
    with PageServer(LogAt.of(log.path), PageAddress(port=0, **address)) as server, visiting(browser) as page:  # type: ignore[arg-type]
        yield page, f"http://127.0.0.1:{server.port}/"


def test_with_the_token_there_is_the_page_and_without_it_nothing(browser: Browser, log: Filled) -> None:
    with looking(browser, log, host="0.0.0.0", tokens=(Token(text=TOKEN),)) as (page, address):
        page.goto(address)
        page.get_by_label("Token").fill("a guess, and a wrong one")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("This is not the token.")
        assert page.locator(".tile").count() == 0
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{tile('gate')}[data-event]")
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie") == ""
        page.reload()
        page.wait_for_selector(f"{tile('gate')}[data-event]")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_focused()
        assert page.evaluate("fetch('api/v1/streams').then((answer) => answer.status)") == 401


def test_what_strangers_have_written_stays_text(browser: Browser, log: Filled) -> None:
    event_id = log.events[2].event_id
    with looking(browser, log) as (page, address):
        for view, ready in {
            "#/live": f"{tile('gate')}[data-event]",
            "#/live/gate": ".recent a",
            "#/live/yard": ".recent a",
            "#/events": "tbody a",
            f"#/event/{event_id}": ".picture[data-event]",
            "#/system": ".panels table",
            "#/streams": "tbody a",
        }.items():
            page.goto(f"{address}{view}")
            page.wait_for_selector(ready)
            assert page.evaluate("window.hacked") is None, view
            assert page.locator("#main img, #main script").count() == 0, view
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
        page.goto(f"{address}#/event/{event_id}")
        expect(page.locator(".objects")).to_contain_text("<img src=x")


def test_the_wall_has_the_age_of_each_picture_and_asks_only_this_server(browser: Browser, log: Filled) -> None:
    with looking(browser, log) as (page, address):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        expect(page.locator(f"{tile('gate')} .age")).to_have_text(re.compile(r"^[0-9.]+ (s|min) ago$"))
        assert {url.removeprefix(address).split("/")[0] for url in asked} == {"", "static", "api"}
