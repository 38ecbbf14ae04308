"""A film that the browser decodes by itself, over a real server and a log that is being written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framehop.log import LogAt, open_log
from framehop.sources.passthrough import PassedVideo
from framehop.timing import now_us
from framehop.types import DetectedObject, Frame, FrameKey
from framehop.web.server import PageAddress, PageServer
from tests.browser import visiting
from tests.clips import BITS, write_film
from tests.logs import TIMEOUT_S, make_event, marks_after, read
from tests.system.page.places import expect, tile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COUNT = 1000  # pictures, more than the test looks at
# What the number on the canvas is, and which event belongs to it, whenever the tile changes; below the boxes.
SAMPLES = """([selector, bits, number]) => new Promise((done) => {
    const tile = document.querySelector(selector);
    const samples = [];
    new MutationObserver((changes, observer) => {
        const canvas = tile.querySelector("canvas");
        const row = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.85), canvas.width, 1).data;
        let found = 0;
        for (let bit = 0; bit < bits; bit += 1) {
            if (row[4 * Math.round((bit + 0.5) * canvas.width / bits)] > 127) found |= 1 << bit;
        }
        samples.push([tile.dataset.event, found]);
        if (samples.length < number) return;
        observer.disconnect();
        done(samples);
    }).observe(tile, { attributeFilter: ["data-event"] });
})"""


@contextmanager
def filming(path: Path, film: Path) -> Iterator[None]:
    """Write a film into a log, a group at a time, with an event for each picture."""
    stop = threading.Event()

    def write() -> None:
        with open_log(path) as log, log.writer() as writer, log.consumer("detect-main", member="test") as consumer:
            state = writer.open_stream("cam", source="test:cam", finite=False)
            pictures = PassedVideo(film, stream="cam").pictures()
            for begin in range(0, COUNT, 5):
                seqs = range(begin, begin + 5)
                for seq, picture in zip(seqs, pictures, strict=False):
                    now = now_us()
                    frame = Frame(
                        key=FrameKey("cam", state.epoch, seq),
                        payload=picture.payload,
                        captured_us=now,
                        received_us=now,
                        width=picture.width,
                        height=picture.height,
                        content_type=picture.content_type,
                        keyframe=picture.keyframe,
                    )
                    assert writer.append(frame)
                assert writer.flush(TIMEOUT_S)
                records = read(consumer, len(seqs))
                box = DetectedObject(label="car", label_id=0, confidence=0.5, box=(4.0, 4.0, 60.0, 30.0))
                consumer.commit(
                    [replace(make_event(record), objects=[box]) for record in records], marks_after(records)
                )
                if stop.wait(0.2):
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def look(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(SAMPLES, [tile("cam"), BITS, 12])
    return found


def test_a_film_is_played_by_the_browser_each_picture_with_its_own_event(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    film, log = write_film(tmp_path / "film.mp4", COUNT), tmp_path / "log"
    with (
        filming(log, film),
        PageServer(LogAt.of(log), PageAddress(port=0)) as server,
        visiting(browser) as page,
    ):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.url}#/live")
        page.wait_for_selector(f"{tile('cam')}[data-event]")
        page.goto(f"{server.url}#/live/cam")
        page.wait_for_selector(f"{tile('cam')}[data-event]")
        if not page.evaluate("VideoDecoder.isConfigSupported({ codec: 'avc1.42001f' }).then((said) => said.supported)"):
            pytest.skip("needs a browser that decodes H.264")
        asked.clear()
        samples = look(page)
        assert [number for _, number in samples] == [int(event.split("/")[2]) for event, _ in samples]
        assert len({number for _, number in samples}) == len(samples)
        assert not [url for url in asked if "/latest/" in url]
        expect(page.locator(".objects")).to_contain_text("car")


def test_where_the_browser_has_no_decoder_the_server_decodes(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    film, log = write_film(tmp_path / "film.mp4", COUNT), tmp_path / "log"
    with (
        filming(log, film),
        PageServer(LogAt.of(log), PageAddress(port=0)) as server,
        visiting(browser) as page,
    ):
        page.add_init_script("delete globalThis.VideoDecoder")
        page.goto(f"{server.url}#/live/cam")
        page.wait_for_selector(f"{tile('cam')}[data-event]")
        samples = look(page)
        assert [number for _, number in samples] == [int(event.split("/")[2]) for event, _ in samples]
