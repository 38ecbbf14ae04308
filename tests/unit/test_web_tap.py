"""Pictures by a tap: against a worker that a test plays, and what is shown of which stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framehop._core import decode_jpeg, encode_jpeg
from framehop.decode import Decoded
from framehop.errors import RefusedError
from framehop.pipeline.taps import tap_thread
from framehop.pipeline.taps.tap import LiveFrame, Tap
from framehop.types import Event, FrameKey
from framehop.web import picture_tap as picture_tap_module
from framehop.web import tapped as tapped_module
from framehop.web.picture_tap import PictureTap, reduced, step_for
from framehop.web.stills import ShownPicture
from framehop.web.tapped import RECENT, WAITING, Found, Tapped
from tests.events import event_of, recorded
from tests.tap_worker import HEIGHT, WIDTH, TapWorker
from tests.waiting import until

SOURCE = 2 * WIDTH  # the ring has pictures at half their size


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[TapWorker]:
    tmp_path.chmod(0o700)
    worker = TapWorker(tmp_path / "ring-0.sock")
    yield worker
    worker.close()


class Page:
    """The page's side of a tap. `rings`: where the pipelines' rings are. `held`: the pictures that the tap has leased. `encoded`:
    how many it has encoded. `wanted`: the streams of which it took the next picture when it last looked for one."""

    def __init__(self, *rings: str) -> None:
        self.rings = list(rings)
        self.looks = 0
        self.held: set[FrameKey] = set()
        self.encoded = 0
        self.wanted: Collection[str] = ()
        self.told: list[str] = []
        self.tapped = Tapped()
        self.tap = PictureTap(self.tapped, self._rings, self.told.append)

    def _rings(self) -> list[str]:
        self.looks += 1
        return list(self.rings)

    def look(self, stream: str = "gate", width: int = WIDTH) -> Found | None:
        return self.tap.newest(stream, width, SOURCE)

    def take(self, worker: TapWorker, seq: int, stream: str = "gate") -> Event:
        """Have the tap take a frame, for somebody who looks. Returns its event, which the log does not have yet."""
        self.look_for_next(worker, lambda: self.look(stream), stream)
        frame = self.hold(worker, seq, stream)
        event = worker.answer(frame)
        until(lambda: event.event_id in self.waiting(stream), "the picture")
        return event

    def look_for_next(self, worker: TapWorker, look: Callable[[], object], stream: str = "gate") -> None:
        """Look, and have the tap know that the next picture is wanted: one that came before would not be taken."""
        self.wanted = ()
        look()
        until(lambda: worker.is_heard_of(stream), "a listener")
        until(lambda: stream in self.wanted, "a tap that knows of the look")

    def hold(self, worker: TapWorker, seq: int, stream: str = "gate") -> Decoded:
        frame = worker.show(seq, stream)
        until(lambda: frame.record.meta.key in self.held, "the tap's lease")
        return frame

    def waiting(self, stream: str = "gate") -> Collection[str]:
        return tuple(self.tapped._streams[stream].waiting)


@pytest.fixture
def page(worker: TapWorker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with page_of(worker.path, monkeypatch=monkeypatch) as page:
        yield page


@contextmanager
def page_of(*rings: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(tap_thread, "AGAIN_S", 0.01)
    monkeypatch.setattr(tapped_module, "FRESH_S", 600.0)  # this machine may be slow
    monkeypatch.setattr(tapped_module, "IDLE_S", 600.0)
    page = Page(*rings)

    class WatchedTap(Tap):
        def wait(self, streams: Collection[str], timeout_s: float, *, every: bool = False) -> LiveFrame | None:
            page.wanted = streams
            frame = super().wait(streams, timeout_s, every=every)
            page.held |= {key for ring in self._rings for key in ring._held}
            return frame

    def encode(*args: Any, **options: Any) -> bytes:
        page.encoded += 1
        return encode_jpeg(*args, **options)

    monkeypatch.setattr(tap_thread, "Tap", WatchedTap)
    monkeypatch.setattr(picture_tap_module, "encode_jpeg", encode)
    try:
        yield page
    finally:
        page.tap.close()
        assert page.tap.thread.join(60)


# ---------------------------------------------------------------- the tap


def test_a_picture_is_shown_with_the_event_that_the_log_has(worker: TapWorker, page: Page) -> None:
    """The event that the tap hears has no track ids yet."""
    event = page.take(worker, 3)
    assert page.look() is None, "the log does not have its event yet"
    tracked = replace(event, last_track_id=7)
    page.tapped.note([recorded(event_of(99, stream="yard")), recorded(tracked)])
    found = page.look()
    assert found is not None
    assert found.record.event.last_track_id == 7
    assert (found.shown.width, found.shown.height) == (event.width, event.height)
    pixels = decode_jpeg(found.shown.jpeg)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert abs(pixels.astype(int) - 3).max() < 3
    assert page.told == ["gate"]


def test_an_event_may_come_before_its_picture(worker: TapWorker, page: Page) -> None:
    page.look_for_next(worker, page.look)
    frame = page.hold(worker, 5)
    event = event_of(5)
    page.tapped.note([recorded(replace(event, event_id=frame.record.meta.key.event_id("main")))])
    worker.answer(frame)
    until(lambda: page.look() is not None, "the picture")
    assert page.waiting() == ()


def test_a_picture_is_encoded_once_however_many_look_and_none_for_nobody(worker: TapWorker, page: Page) -> None:
    page.take(worker, 1)
    for seq in range(2, 8):  # nobody has asked for a next one
        worker.answer(worker.show(seq))
    for _ in range(3):
        page.look()
    page.take(worker, 8)
    assert page.encoded == 2


def test_while_nobody_looks_there_is_no_tap(worker: TapWorker, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.looks == 0
    page.take(worker, 1)
    assert page.looks == 1
    monkeypatch.setattr(tapped_module, "IDLE_S", 0.0)
    until(lambda: worker.is_heard(0), "silence")

    def both_places_are_free() -> bool:
        try:
            with Tap([worker.path]), Tap([worker.path]):
                return True
        except RefusedError:
            return False

    until(both_places_are_free, "the end of the page's tap")
    assert page.looks == 1
    assert page.tapped._streams == {}


def test_pictures_that_are_too_small_are_left_to_the_log(worker: TapWorker, page: Page) -> None:
    page.look_for_next(worker, lambda: page.look(width=0))
    worker.answer(page.hold(worker, 1))
    until(lambda: page.tapped._streams["gate"].slot_width == WIDTH, "the width of the ring's pictures")
    assert page.look(width=0) is None
    assert page.tapped.due() == []
    assert page.encoded == 0
    page.take(worker, 2)
    assert page.encoded == 1, "for somebody who looks at a small tile"


def test_a_picture_is_reduced_for_who_wants_it_largest(worker: TapWorker, page: Page) -> None:
    """Nobody who asks for a larger one meanwhile is given it."""
    worker.source = (WIDTH, HEIGHT)
    for widths, shown in (((WIDTH // 8,), WIDTH // 8), ((WIDTH // 8, WIDTH // 2), WIDTH // 2)):
        page.look_for_next(worker, lambda: [page.tap.newest("gate", width, WIDTH) for width in widths])  # noqa: B023
        event = worker.answer(page.hold(worker, shown))
        until(lambda: event.event_id in page.waiting(), "the picture")  # noqa: B023
        page.tapped.note([recorded(event)])
        found = page.tap.newest("gate", WIDTH // 8, WIDTH)
        assert found is not None
        assert decode_jpeg(found.shown.jpeg).shape == (HEIGHT * shown // WIDTH, shown, 3)
        assert page.tap.newest("gate", WIDTH, WIDTH) is None
        page.tapped._streams["gate"].asked.clear()


@pytest.mark.parametrize(
    ("slot", "width", "step"),
    [(1920, 1920, 1), (1920, 960, 2), (1920, 240, 8), (1920, 8, 8), (640, 480, 1), (640, 320, 2)],
)
def test_pictures_are_reduced_by_halves(slot: int, width: float, step: int) -> None:
    assert step_for(slot, width) == step


@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_a_reduced_picture_looks_like_the_whole(step: int) -> None:
    rows, columns = np.mgrid[0:67, 0:131]
    pixels = np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)
    small = reduced(pixels, step)
    assert small.shape == (67 // step, 131 // step, 3)
    expected = pixels[: 67 // step * step : step, : 131 // step * step : step].astype(float) + (step // 2) / 2
    assert abs(small[..., :2] - expected[..., :2]).max() <= 1
    assert (reduced(np.full((9, 9, 3), 255, np.uint8), step) == 255).all()
    assert reduced(np.zeros((1, 9, 3), np.uint8), step).size


def test_a_pipeline_that_ends_is_followed_by_the_next(worker: TapWorker, page: Page, tmp_path: Path) -> None:
    page.take(worker, 1)
    page.rings.clear()
    worker.close()
    until(lambda: page.looks > 2, "looks for another pipeline")
    page.look()
    again = TapWorker(tmp_path / "ring-1.sock")
    page.rings.append(again.path)
    page.take(again, 2)
    again.close()


def test_one_that_ends_beside_another_is_noticed(
    worker: TapWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptor stays readable: who goes on to wait for it never sleeps again."""
    monkeypatch.setattr(tap_thread, "RINGS_LOOK_S", 600.0)
    other = TapWorker(tmp_path / "ring-1.sock")
    with page_of(worker.path, other.path, monkeypatch=monkeypatch) as page:
        page.take(other, 1)
        page.rings.remove(other.path)
        other.close()
        until(lambda: page.looks == 2, "another look")
        page.take(worker, 2, "yard")  # of which the tap before this one has told nobody


def test_another_pipeline_is_found_while_one_is_tapped(
    worker: TapWorker, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tap_thread, "RINGS_LOOK_S", 0.0)
    page.take(worker, 1)
    other = TapWorker(tmp_path / "ring-1.sock")
    page.rings.append(other.path)
    page.take(other, 2, "yard")
    other.close()


def test_where_other_taps_have_the_whole_quota_the_page_waits_for_its_place(worker: TapWorker, page: Page) -> None:
    with Tap([worker.path]), Tap([worker.path]):
        page.look()
        until(lambda: page.looks > 3, "tries")
        assert worker.is_heard(0)
    page.take(worker, 1)


def test_the_page_leaves_the_last_place_to_whoever_attaches(worker: TapWorker, page: Page) -> None:
    with Tap([worker.path]):
        page.look()
        until(lambda: page.looks > 3, "tries")
        with Tap([worker.path]):
            assert worker.is_heard(0)
    page.take(worker, 1)
    Tap([worker.path]).close()


def test_a_fault_does_not_end_the_tap(worker: TapWorker, page: Page, caplog: pytest.LogCaptureFixture) -> None:
    page.rings[:] = [7]  # type: ignore[list-item]
    page.look()
    until(lambda: "framehop-ui-tap failed" in caplog.text, "the fault")
    page.rings[:] = [worker.path]
    page.take(worker, 1)


def test_what_waits_is_bounded() -> None:
    tapped = Tapped()
    tapped.newest("gate", WIDTH, SOURCE)
    shown = ShownPicture(jpeg=b"x", width=1, height=1)
    for seq in range(2 * RECENT):
        tapped.put("gate", f"gate/1/{seq}/main", shown, 8)
        tapped.put("nobody's", f"nobody's/1/{seq}/main", shown, 8)
        tapped.note([recorded(event_of(seq, stream="gate", lane="other"))])
        tapped.note([recorded(event_of(seq, stream="nobody's"))])
    assert len(tapped._streams["gate"].waiting) == WAITING
    assert len(tapped._recent) == RECENT
    assert tapped._streams.keys() == {"gate"}


def test_a_picture_that_is_old_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    tapped = Tapped()
    tapped.newest("gate", WIDTH, SOURCE)
    tapped.put("gate", "gate/1/1/main", ShownPicture(jpeg=b"x", width=1, height=1), 8)
    tapped.note([recorded(event_of(1))])
    assert tapped.newest("gate", WIDTH, SOURCE) is not None
    monkeypatch.setattr(tapped_module, "FRESH_S", 0.0)
    assert tapped.newest("gate", WIDTH, SOURCE) is None
