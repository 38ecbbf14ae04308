"""Figures, tokens, hostile text, outages, keyboard and readability of the page, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser import violations, visiting
from tests.page_world import Stream, World
from tests.system.page.places import VIEWS, expect, tile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>" + "A" * 10_000


def test_figures_move(page: Page, address: str) -> None:
    page.goto(f"{address}#/system")
    figure = page.locator("[data-figure=detected] .figure")
    expect(figure).not_to_have_text("–")
    first = figure.text_content()
    expect(figure).not_to_have_text(str(first))
    for text in ("worker-0", "8 of 32", "made-up 1 on cpu", "too-old", "retention", "frames/0"):
        expect(page.locator(".panels")).to_contain_text(text)


def test_hostile_text_stays_text(page: Page, address: str, world: World) -> None:
    world.streams["gate-1"].label = HOSTILE
    for view, ready in VIEWS.items():
        page.goto(f"{address}{view}")
        page.wait_for_selector(ready)
        assert page.evaluate("window.hacked") is None
        assert page.locator("#main img, #main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{address}#/live/gate-1")
    expect(page.locator(".objects")).to_contain_text("<img src=x")


def test_a_token_is_asked_for(page: Page, address: str, world: World) -> None:
    world.token = "open-sesame"
    page.goto(address)
    page.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")
    page.get_by_label("Token").fill("open-sesame")
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(2)


def test_only_who_may_is_offered_to_change_a_stream(page: Page, address: str, world: World) -> None:
    page.goto(f"{address}#/streams")
    expect(page.locator("tbody")).to_contain_text("gate-1")
    expect(page.get_by_role("button", name="Pause gate-1")).to_be_hidden()
    world.controls = True
    page.reload()
    page.get_by_role("button", name="Pause gate-1").click()
    expect(page.locator("tbody tr", has_text="gate-1").locator(".chip")).to_have_text("paused")
    page.get_by_role("button", name="Resume gate-1").click()
    expect(page.locator("tbody tr", has_text="gate-1").locator(".chip")).to_have_text("live")
    world.controls = False
    page.get_by_role("button", name="Pause gate-1").click()
    expect(page.get_by_role("alert")).to_have_text("gate-1: this token may only look.")


def test_what_goes_away_is_said_and_comes_back_by_itself(page: Page, address: str, world: World) -> None:
    world.log_error = "no such directory."
    page.goto(address)
    expect(page.locator("#banner")).to_contain_text("The log /data/log cannot be read: no such directory.")
    world.log_error = ""
    page.wait_for_selector(f"{tile('gate-1')}[data-tone=ok]")
    world.gone = True
    expect(page.locator("#banner")).to_contain_text("The connection to framehop is lost.")
    expect(page.locator(f"{tile('gate-1')} .chip")).to_have_text("no news")
    world.gone = False
    expect(page.locator(f"{tile('gate-1')} .chip")).to_have_text("live")
    expect(page.locator("#banner")).to_be_hidden()


def test_the_keyboard_reaches_everything(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(f"{tile('gate-2')}[data-event]")
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.view ?? document.activeElement.className"))
    assert reached[0] == "skip"
    assert [name for name in reached if name in ("live", "events", "system", "streams")] == [
        "live",
        "events",
        "system",
        "streams",
    ]
    page.locator(f"{tile('gate-1')} a").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("gate-2")
    page.keyboard.press("Escape")
    expect(page.locator(f"{tile('gate-2')} a")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_rows_are_walked_by_arrows_and_found_again(page: Page, address: str) -> None:
    page.goto(f"{address}#/events?stream=gate-1")
    row = page.locator("tbody a").nth(1)
    page.locator("tbody a").first.focus()
    page.keyboard.press("ArrowDown")
    expect(row).to_be_focused()
    opened = str(row.get_attribute("href"))
    page.keyboard.press("Enter")
    page.wait_for_selector(".legend")
    page.keyboard.press("Escape")
    expect(page.locator(f"tbody a[href='{opened}']")).to_be_focused()


@pytest.mark.parametrize(("colours", "rules"), [("light", ()), ("dark", ("color-contrast",))], ids=["light", "dark"])
def test_contrast_names_and_roles_are_right(
    browser: Browser, address: str, world: World, colours: str, rules: tuple[str, ...]
) -> None:
    world.add(Stream(name="over", state="ended"), Stream(name="away", state="retrying", reason="connection refused"))
    world.kept = 8  # axe looks at every row
    with visiting(browser, color_scheme=colours) as page:
        for view, ready in VIEWS.items():
            page.goto(f"{address}{view}")
            page.wait_for_selector(ready)
            assert (view, violations(page, *rules)) == (view, [])
