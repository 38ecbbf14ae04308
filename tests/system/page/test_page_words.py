"""Tests what the page's scripts make of states, numbers and addresses, each by itself in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import visiting
from tests.page_world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NOW = 1_000_000_000_000_000
FRESH = {"state": "running", "fps": 10, "last_frame_us": NOW - 100_000, "last_event_us": NOW - 100_000}
SILENT = FRESH | {"last_frame_us": NOW - 4_000_000, "last_event_us": NOW - 4_000_000}
EVENT = {"outcome": "detected", "received_at": "2001-09-09T01:46:39.900Z"}

STREAMS: list[tuple[dict[str, Any], str, str]] = [
    (FRESH | {"last_event": EVENT}, "live", ""),
    (SILENT, "stalled", "no picture for 4.0 s"),
    (SILENT | {"fps": 0.5}, "live", ""),
    (SILENT | {"stalled": True, "reason": "the camera is silent"}, "stalled", "the camera is silent"),
    (FRESH | {"last_event": EVENT | {"received_at": "2001-09-09T01:46:20Z"}}, "behind", "20 s behind"),
    (FRESH | {"stalled": True, "last_event": EVENT | {"outcome": "failed", "reason": "poison"}}, "failing", "poison"),
    (SILENT | {"state": "seen", "last_frame_us": 0, "last_event_us": NOW - 300_000_000}, "quiet", "5 min old"),
    ({"state": "retrying", "error": "refused", "next_try_us": NOW + 8_000_000}, "away", "refused; next try in 8.0 s"),
    ({"state": "failed", "error": "no such file"}, "failed", "no such file"),
    ({"state": "paused"}, "paused", "somebody has paused it"),
    ({"state": "ended"}, "ended", "all of it has been read"),
    ({"state": "a state of a later version", "last_frame_us": NOW - 100_000}, "live", ""),
]


def test_how_a_stream_does_is_told_in_a_word_and_a_reason(page: Page, address: str) -> None:
    page.goto(address)
    told = page.evaluate(
        """async ([streams, now]) => {
            const { healthOf } = await import("/static/health.js");
            return streams.map((stream) => healthOf(stream, now));
        }""",
        [[stream for stream, _, _ in STREAMS], NOW],
    )
    assert [one["word"] for one in told] == [word for _, word, _ in STREAMS]
    assert [
        one["reason"] for one, (_, _, reason) in zip(told, STREAMS, strict=True) if reason not in one["reason"]
    ] == []


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("format.span(400000)", "0.4 s"),
        ("format.span(7200000000)", "2 h"),
        ("format.span(-5)", "0.0 s"),
        ("format.ms(0.7)", "0.70 ms"),
        ("format.ms(5054)", "5.05 s"),
        ("format.ms(undefined)", "–"),
        ("format.bytes(20400000)", "20.4 MB"),
        ("format.bytes(0)", "0 B"),
        ("format.count(1234567)", "1,234,567"),
        ("format.clip('a\\n' + 'b'.repeat(90), 10)", "a bbbbbbb…"),
        ("format.timeOfDay(NaN)", "–"),
        ("format.foundIn({objects: [{label: 'a'}, {label: 'b'}, {label: 'b'}]})", "2 b, 1 a"),
        ("router.parse('#/event/gate-1/17/3/main').argument", "gate-1/17/3/main"),
        ("router.parse('#/live/%E0%A4%A').argument", "%E0%A4%A"),
        ("router.parse('#/elsewhere?x=1').view", "live"),
        ("String(filters.filtersOf(router.parse('#/events?label=car&limit=9&cursor=7&stream=').params))", "label=car"),
    ],
)
def test_numbers_and_addresses(quiet: Page, call: str, shown: str) -> None:
    told = quiet.evaluate(
        f"""async () => {{
            const modules = ["format", "router", "filters"].map((name) => import(`/static/${{name}}.js`));
            const [format, router, filters] = await Promise.all(modules);
            return {call};
        }}"""
    )
    assert told == shown


@pytest.fixture(scope="module")
def quiet(browser: Browser, served: tuple[World, str]) -> Iterator[Page]:
    """The page's origin without the page: one for all cases."""
    with visiting(browser) as opened:
        opened.goto(f"{served[1]}static/icon.svg")
        yield opened
