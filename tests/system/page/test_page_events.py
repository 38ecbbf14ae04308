"""The events, their filters and one event, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.page_world import World, box_left
from tests.system.page.places import expect
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_filters_filter_and_stand_in_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}#/events")
    expect(page.locator("tbody")).to_contain_text("gate-1")
    page.get_by_text("Label: any").click()
    page.get_by_role("checkbox", name="person").check()
    expect(page.locator("tbody")).not_to_contain_text("gate-1")
    expect(page.locator("tbody")).to_contain_text("1 person")
    assert page.url.endswith("#/events?label=person")
    page.reload()
    expect(page.locator("tbody")).to_contain_text("1 person")
    expect(page.get_by_text("Label: person")).to_be_visible()
    expect(page.locator("tbody")).not_to_contain_text("gate-1")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("tbody")).to_contain_text("gate-1")


def test_confidence_and_time_are_filters_too(page: Page, address: str) -> None:
    page.goto(f"{address}#/events")
    page.get_by_label("Confidence").fill("80")
    expect(page.locator("tbody tr").first).to_contain_text(re.compile("80 %|90 %"))
    expect(page.locator("tbody")).not_to_contain_text("70 %")
    page.get_by_label("From", exact=True).fill("2026-01-02T03:04")
    expect(page).to_have_url(re.compile(r"#/events\?min_confidence=0\.8&from=2026-01-0\dT\d\d%3A\d4%3A00\.000Z$"))
    page.reload()
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-01-02T03:04")
    expect(page.get_by_label("Confidence")).to_have_value("80")


def test_a_log_that_is_still_being_read_is_said_and_then_listed(page: Page, address: str, world: World) -> None:
    """The session is asked every ten seconds: the page's own clock is moved on instead of waiting for that."""
    world.catching_up, world.kept = True, 0
    page.clock.install()
    page.goto(f"{address}#/events")
    expect(page.get_by_text("still being read")).to_be_visible()
    expect(page.get_by_text("No events yet.")).to_be_visible()
    world.catching_up, world.kept = False, 320
    page.clock.fast_forward(11_000)
    expect(page.locator("tbody")).to_contain_text("gate-1")
    expect(page.get_by_text("still being read")).to_be_hidden()


def test_a_row_opens_its_frame_with_boxes_and_json(page: Page, address: str) -> None:
    page.goto(f"{address}#/events?stream=gate-1")
    row = page.locator("tbody tr a[href*='0/main']").first  # of an even number: the made-up log has those
    href = str(row.get_attribute("href"))
    row.click()
    seq = int(href.split("/")[-2])
    page.wait_for_selector(".picture[data-event]")
    edge = page.locator(".picture canvas").evaluate(
        """(canvas) => {
            const zoom = canvas.width / 640;
            const row = canvas.getContext("2d").getImageData(0, Math.round(150 * zoom), canvas.width, 1).data;
            for (let x = 0; x < canvas.width; x += 1) if (Math.abs(row[4 * x] - row[4 * x + 2]) > 50) return x / zoom;
        }"""
    )
    assert edge == pytest.approx(box_left(seq), abs=3)
    expect(page.locator(".json")).to_contain_text('"something_new"')
    expect(page.locator(".legend")).to_contain_text("infer")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{address}#/events?stream=gate-1")


def test_a_frame_that_retention_took_is_said(page: Page, address: str) -> None:
    page.goto(f"{address}#/event/gate-1/1795000000000000/601/main")
    expect(page.locator(".picture")).to_contain_text("retention took this frame")
    expect(page.locator(".objects")).to_contain_text("car")


def test_the_document_stays_small_however_far_somebody_reads(page: Page, address: str) -> None:
    page.goto(f"{address}#/events")
    newest = page.get_by_role("button", name="Back to the newest")

    def gone_after_another_screen() -> bool:
        page.mouse.wheel(0, 20_000)
        return newest.is_visible()

    until(gone_after_another_screen, "so many pages that the first one has gone")
    assert page.locator("tbody tr").count() <= 500
    newest.click()
    expect(page.locator("tbody")).to_have_count(1)
