"""Figures, tokens, hostile text, outages, keyboard and readability of the page, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"index_error": "no space left"}, "New events cannot be looked up yet: no space left."),
        ({"passed_over": 1}, "An event of this log cannot be read by this framehop and is not shown"),
        ({"passed_over": 1200}, "1,200 events of this log cannot be read by this framehop and are not shown"),
    ],
)
def test_what_cannot_be_shown_is_said(page: Page, address: str, world: World, state: dict[str, Any], said: str) -> None:
    vars(world).update(state)
    page.goto(address)
    expect(page.locator("#banner")).to_contain_text(said)
    page.wait_for_selector(f"{tile('gate-1')}[data-tone=ok]")


def test_that_too_many_look_is_said_and_the_page_comes_back_by_itself(page: Page, address: str, world: World) -> None:
    world.full = True
    page.goto(address)
    expect(page.locator("#banner")).to_contain_text("So many pages look already that no other can follow")
    world.full = False
    page.wait_for_selector(f"{tile('gate-1')}[data-tone=ok]")
    expect(page.locator("#banner")).to_be_hidden()


SCREENS = {"phone": (360, 740), "wall": (2560, 1440)}


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS.keys())
def test_every_view_fits_the_screen(browser: Browser, address: str, world: World, screen: tuple[int, int]) -> None:
    """Wide tables scroll by themselves, and every view can be gone to."""
    width, height = screen
    with visiting(browser, viewport={"width": width, "height": height}) as page:
        for view, ready in VIEWS.items():
            page.goto(f"{address}{view}")
            page.wait_for_selector(ready)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            for link in page.locator(".nav a").all():
                place = link.bounding_box()
                assert place is not None
                assert 0 <= place["x"] <= place["x"] + place["width"] <= width, view
            assert violations(page, "target-size", "meta-viewport") == [], view


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


# Numbers what Tab has to come to. Of tiles and rows one is among it, the others are a matter of the arrows.
NUMBER = """() => {
    const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")];
    const found = all.filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
    found.forEach((one, i) => { one.dataset.control = i; });
    return found.length;
}"""
LEFT = """(reached) => [...document.querySelectorAll("[data-control]")]
    .filter((one) => !reached.includes(one.dataset.control)).map((one) => one.outerHTML.slice(0, 200))"""


def test_tab_comes_to_every_control_of_every_view(page: Page, address: str, world: World) -> None:
    """A field of a date takes several of its presses."""
    world.kept = 8
    for view, ready in VIEWS.items():
        page.goto(f"{address}{view}")
        page.wait_for_selector(ready)
        reached: list[str | None] = []
        left: list[str] = ["all of them"]
        for _ in range(2 * page.evaluate(NUMBER) + 20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.dataset.control ?? null"))
            left = page.evaluate(LEFT, reached)
            if not left:
                break
        assert (view, left) == (view, [])


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
