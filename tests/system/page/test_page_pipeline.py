"""The page over a real pipeline: `framehop run` and `framehop ui` on one log."""

from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from framehop.sources.demo import demo_sources
from tests.browser import visiting
from tests.clips import BITS, write_film
from tests.system.harness import House
from tests.system.page.pipelines import page_of
from tests.system.page.places import expect, tile
from tests.tiny_model import write_columns_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).resolve().parents[3] / "docs"
LARGEST = 150_000  # bytes of a picture in docs/


def nearby_sources(house: House) -> list[str]:
    """Return the demo's sources, with their files beside the log, so that no picture shows where this machine keeps them."""
    found = []
    for spec in demo_sources():
        kind, path, rest = re.fullmatch(r"(pan:)?([^?]+)(.*)", spec.source, re.DOTALL).groups("")  # type: ignore[union-attr]
        (house.path / Path(path).name).symlink_to(path)
        found.append(f"{spec.stream}={kind}{Path(path).name}{rest}")
    return found


@pytest.mark.timeout(240)
def test_a_real_pipeline_is_shown(house: House, browser: Browser) -> None:
    astronaut = next(source for source in nearby_sources(house) if source.startswith("astronaut"))
    with (
        page_of(house, astronaut, "shapes=testsrc:?size=320x180&rate=5") as (address, pipeline),
        visiting(browser) as page,
    ):
        page.set_default_timeout(90_000)
        page.goto(address)
        page.wait_for_selector(f"{tile('astronaut')}[data-tone=ok][data-event]")
        page.wait_for_selector(f"{tile('shapes')}[data-tone=ok][data-event]")
        page.goto(f"{address}#/live/astronaut")
        expect(page.locator(".objects")).to_contain_text("person", timeout=90_000)
        page.goto(f"{address}#/events?stream=astronaut")
        page.locator("tbody a").first.click()
        page.wait_for_selector(".picture[data-event^='astronaut/']")
        _look_at_the_system(page, address)
        assert house.framehop("stream", "pause", "shapes", "--pipeline", str(pipeline)).returncode == 0
        page.goto(f"{address}#/live")
        expect(page.locator(f"{tile('shapes')} .chip")).to_have_text("paused", timeout=90_000)
        expect(page.locator(f"{tile('astronaut')} .chip")).to_have_text("live", timeout=90_000)


# Which number a picture of the film shows, below the boxes, and which of its bright columns have a box around them.
SAMPLES = """([selector, bits, number]) => new Promise((done) => {
    const tile = document.querySelector(selector);
    const samples = [];
    new MutationObserver((changes, observer) => {
        const canvas = tile.querySelector("canvas");
        const row = (share) => canvas.getContext("2d").getImageData(0, Math.round(canvas.height * share), canvas.width, 1).data;
        const [below, across] = [row(0.85), row(0.5)];
        const coloured = (x) => {
            const parts = across.slice(4 * x, 4 * x + 3);
            return Math.max(...parts) - Math.min(...parts) > 50;
        };
        let [found, boxed] = [0, 0];
        for (let bit = 0; bit < bits; bit += 1) {
            if (below[4 * Math.round((bit + 0.5) * canvas.width / bits)] > 127) found |= 1 << bit;
            const edge = Math.round((bit + 0.25) * canvas.width / bits);
            if ([-2, -1, 0, 1, 2].some((step) => coloured(edge + step))) boxed |= 1 << bit;
        }
        samples.push([tile.dataset.event, found, boxed]);
        if (samples.length < number) return;
        observer.disconnect();
        done(samples);
    }).observe(tile, { attributeFilter: ["data-event"] });
})"""

HEAR = """
window.heard = [];
window.EventSource = class extends EventSource {
    constructor(...all) {
        super(...all);
        this.addEventListener("streams", () => window.heard.push(performance.now()));
    }
};
"""

# How long after the last picture the tile is marked; by how much the browser's own clock was late, and the server's news.
MARKED = """(selector) => new Promise((done) => {
    const tile = document.querySelector(selector);
    const began = performance.now();
    let [last, tick, late] = [began, began, 0];
    const beat = setInterval(() => {
        late = Math.max(late, performance.now() - tick - 50);
        tick = performance.now();
    }, 50);
    const end = (observer) => {
        if (tile.dataset.tone !== "bad") { last = performance.now(); return; }
        observer.disconnect();
        clearInterval(beat);
        const now = performance.now();
        const news = [began, ...window.heard.filter((at) => at > began), now];
        const gap = Math.max(...news.slice(1).map((at, i) => at - news[i]));
        done([now - last, late, Math.max(0, gap - 1500)]);
    };
    new MutationObserver((changes, observer) => end(observer)).observe(tile, { attributeFilter: ["data-tone", "data-event"] });
})"""


@pytest.mark.timeout(240)
def test_boxes_of_a_real_pipeline_are_those_of_the_picture_and_a_stream_that_stops_is_marked(
    house: House, browser: Browser
) -> None:
    """The film's pictures are numbers in bright columns, and the model finds these."""
    count = 1000
    film = write_film(house.path / "film.mp4", count)
    words = (f"cam={film}", "--model", str(write_columns_model(house.path, BITS)))
    with page_of(house, *words, policy="all") as (address, _), visiting(browser) as page:
        page.set_default_timeout(90_000)
        page.add_init_script(HEAR)
        page.goto(address)
        page.wait_for_selector(f"{tile('cam')}[data-tone=ok][data-event]")
        samples = page.evaluate(SAMPLES, [tile("cam"), BITS, 8])
        numbers = [int(event.split("/")[2]) % count for event, _, _ in samples]
        assert [found for _, found, _ in samples] == numbers
        assert [boxed for _, _, boxed in samples] == numbers
        assert len(set(numbers)) == 8
        ingest = house.wait_for("ingest-0")
        ingest.send_signal(signal.SIGSTOP)
        took, late, news_late = page.evaluate(MARKED, tile("cam"))
        assert took <= 3000 + 2 * late + news_late
        expect(page.locator(f"{tile('cam')} .tile-reason")).to_contain_text(re.compile(r"no (picture|frame) for \d"))
        with contextlib.suppress(psutil.NoSuchProcess):  # who was silent for long is killed, and another goes on
            ingest.send_signal(signal.SIGCONT)
        expect(page.locator(f"{tile('cam')} .chip")).to_have_text("live", timeout=90_000)


def _look_at_the_system(page: Page, address: str) -> None:
    page.goto(f"{address}#/system")
    expect(page.locator("[data-figure=detected] .figure")).not_to_have_text("–", timeout=90_000)
    for text in ("worker-0", "coco-ssd", "infer", "ready"):
        expect(page.locator(".panels")).to_contain_text(text, timeout=90_000)
    page.goto(f"{address}#/streams")
    expect(page.locator("tbody")).to_contain_text("astronaut", timeout=90_000)


# ---------------------------------------------------------------- the pictures of the documents

SHOTS = {
    "ui-live-light": ("#/live", "light", (1280, 800), f"{tile('bikes')}[data-event]"),
    "ui-live-dark": ("#/live", "dark", (1280, 800), f"{tile('bikes')}[data-event]"),
    "ui-phone": ("#/live", "dark", (390, 844), f"{tile('bikes')}[data-event]"),
    "ui-events": ("#/events?outcome=detected", "light", (1280, 800), "tbody a"),
    "ui-event": ("#/events?stream=chelsea&outcome=detected", "dark", (1280, 800), "tbody a"),
    "ui-system": ("#/system", "dark", (1280, 1000), ".panels .meter"),
    "ui-stream": ("#/live/motorcycle", "light", (1280, 800), ".recent a"),
}


@pytest.mark.timeout(240)
def test_pictures_of_the_documents_can_be_taken(house: House, browser: Browser, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--screenshots"):
        pytest.skip("only with --screenshots: writes the pictures of docs/ anew")
    with page_of(house, *nearby_sources(house)) as (address, _):
        for name, (view, colours, (width, height), ready) in SHOTS.items():
            viewport = {"width": width, "height": height}
            scale = 2 if width < 640 else 1
            with visiting(browser, color_scheme=colours, viewport=viewport, device_scale_factor=scale) as page:
                page.set_default_timeout(90_000)
                page.goto(f"{address}{view}")
                page.wait_for_selector(ready)
                if name == "ui-event":
                    page.locator("tbody a").first.click()
                    page.wait_for_selector(".picture[data-event]")
                page.wait_for_timeout(6000)  # lines and figures need some seconds of history to look like themselves
                shot = page.screenshot(type="jpeg", quality=72 if scale == 2 else 80)
            assert len(shot) <= LARGEST
            (DOCS / f"{name}.jpg").write_bytes(shot)
