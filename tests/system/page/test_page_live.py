"""The wall and one stream large, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import SAMPLE
from tests.page_world import BITS, Stream, World, box_left, now_us
from tests.system.page.places import expect, tile
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Page


def samples_of(page: Page, name: str, number: int) -> list[dict[str, Any]]:
    """Return what a tile's canvas shows after each of so many changes, read before the next can come."""
    taken: list[dict[str, Any]] = page.evaluate(
        f"""([selector, number]) => new Promise((done) => {{
            const tile = document.querySelector(selector);
            const samples = [];
            new MutationObserver((changes, observer) => {{
                samples.push(({SAMPLE})(tile));
                if (samples.length < number) return;
                observer.disconnect();
                done(samples);
            }}).observe(tile, {{ attributeFilter: ["data-event"] }});
        }})""",
        [tile(name), number],
    )
    return taken


def test_boxes_belong_to_the_frame_that_is_shown_and_move_with_it(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(f"{tile('gate-1')}[data-event]")
    samples = samples_of(page, "gate-1", 8)
    shown = [int(sample["event"].split("/")[2]) for sample in samples]
    assert [sample["seq"] for sample in samples] == [seq % 2**BITS for seq in shown]
    assert [sample["edge"] for sample in samples] == [pytest.approx(box_left(seq), abs=3) for seq in shown]
    assert len(set(shown)) == 8


def test_a_stream_that_stops_is_marked_within_three_seconds(page: Page, address: str, world: World) -> None:
    """The seconds are those of the browser's own clock. What it was late itself, because the machine had no time for it, is not
    held against it."""
    page.goto(address)
    page.wait_for_selector(f"{tile('gate-1')}[data-tone=ok][data-event]")
    world.streams["gate-1"].stopped_us = now_us()
    took, late = page.evaluate(
        """(selector) => new Promise((done) => {
            const tile = document.querySelector(selector);
            let [last, tick, late] = [performance.now(), performance.now(), 0];
            const beat = setInterval(() => {
                late = Math.max(late, performance.now() - tick - 50);
                tick = performance.now();
            }, 50);
            new MutationObserver(() => {
                if (tile.dataset.tone === "ok") { last = performance.now(); return; }
                clearInterval(beat);
                done([performance.now() - last, late]);
            }).observe(tile, { attributeFilter: ["data-tone", "data-event"] });
        })""",
        tile("gate-1"),
    )
    assert took <= 3000 + 2 * late
    expect(page.locator(f"{tile('gate-1')} .tile-reason")).to_contain_text("no picture for")
    expect(page.locator(".summary")).to_contain_text("1 in trouble")
    expect(page.locator(tile("gate-2"))).to_have_attribute("data-tone", "ok")


def test_what_is_wrong_with_a_stream_is_said(page: Page, address: str, world: World) -> None:
    world.add(
        Stream(name="away", state="retrying", reason="connection refused"),
        Stream(name="over", state="ended"),
        Stream(name="broken", failing=True, reason="its last 5 frames failed: corrupt_picture"),
        Stream(name="ahead", ahead_us=7_200_000_000),
    )
    page.goto(address)
    for name, word, reason in [
        ("away", "away", "connection refused"),
        ("over", "ended", "all of it"),
        ("broken", "failing", "corrupt_picture"),
        ("ahead", "live", "this camera's clock is 2 h ahead"),
    ]:
        expect(page.locator(f"{tile(name)} .chip")).to_have_text(word)
        expect(page.locator(f"{tile(name)} .tile-reason")).to_contain_text(reason)


def test_of_300_streams_only_those_that_can_be_seen_are_asked_for(page: Page, address: str, world: World) -> None:
    world.streams.clear()
    world.add(*(Stream(name=f"cam-{number}", fps=1) for number in range(300)))
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(300)
    visible = page.locator(".tile").evaluate_all(
        "(tiles) => tiles.filter((tile) => tile.getBoundingClientRect().top < innerHeight).map((tile) => tile.dataset.stream)"
    )
    until(lambda: all(world.asked.count(name) > 2 for name in visible), "several pictures of every tile in sight")
    assert len(set(world.asked)) < 60
    assert "cam-299" not in world.asked
    page.keyboard.press("End")
    until(lambda: "cam-299" in world.asked, "a picture of the last tile, once it is in sight")


def test_the_wall_is_filtered_by_name(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("TE-2")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator(tile("gate-2"))).to_be_visible()
    page.keyboard.type("x")
    expect(page.locator(".empty")).to_have_text("No stream has this in its name.")


def test_one_stream_large_shows_its_objects_and_its_events(page: Page, address: str) -> None:
    page.goto(f"{address}#/live/gate-2")
    expect(page.locator(".objects")).to_contain_text("person#7")
    expect(page.locator(".recent a")).to_have_count(12)
    assert page.locator(".spark-line").get_attribute("points")
    newest = page.locator(".recent a").first.get_attribute("href")
    expect(page.locator(".recent a").first).not_to_have_attribute("href", str(newest))
