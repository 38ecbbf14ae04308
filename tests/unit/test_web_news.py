"""Tests of what clients are told by itself: events by a queue of their own, and what has changed about the streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from framehop.web.answers import StreamRow
from framehop.web.errors import ApiError
from framehop.web.feed import MAX_BYTES, MAX_EVENTS, Feed, Subscriber
from framehop.web.live import LiveState
from framehop.web.live_stream import LiveStream
from framehop.web.news import LOOKS, StreamNews, Told, told_of
from framehop.web.streams import stream_rows
from tests.events import event_of, recorded

# ---------------------------------------------------------------- the feed


def test_a_slow_client_gets_the_newest_of_each_stream_and_is_told_what_it_lost() -> None:
    client = Subscriber([])
    early, late = recorded(event_of(0, stream="yard")), [recorded(event_of(seq)) for seq in range(MAX_EVENTS)]
    client.offer([early, *late])
    taken, dropped = client.take()
    assert taken == [early.raw, late[-1].raw]
    assert dropped == MAX_EVENTS - 1
    assert client.take() == ([], 0)


def test_a_client_that_keeps_up_loses_nothing() -> None:
    client = Subscriber([])
    records = [recorded(event_of(seq, stream=f"cam-{seq % 3}")) for seq in range(MAX_EVENTS)]
    client.offer(records)
    assert client.take() == ([record.raw for record in records], 0)


def test_a_queue_is_bounded_however_many_streams_there_are() -> None:
    client = Subscriber([])
    client.offer([recorded(event_of(seq, stream=f"cam-{seq}")) for seq in range(10 * MAX_EVENTS)])
    taken, dropped = client.take()
    assert 0 < len(taken) <= MAX_EVENTS
    assert len(taken) + dropped == 10 * MAX_EVENTS
    assert taken[-1] == recorded(event_of(10 * MAX_EVENTS - 1, stream=f"cam-{10 * MAX_EVENTS - 1}")).raw


def test_a_client_with_large_events_keeps_few_of_them() -> None:
    client = Subscriber([])
    client.offer([recorded(event_of(seq, stream=f"cam-{seq}"), raw=b"x" * 300_000) for seq in range(20)])
    taken, dropped = client.take()
    assert sum(map(len, taken)) <= MAX_BYTES
    assert (len(taken) > 0, len(taken) + dropped) == (True, 20)


def test_a_client_gets_the_streams_it_asked_for() -> None:
    client = Subscriber(["yard"])
    client.offer([recorded(event_of(seq, stream=stream)) for seq, stream in enumerate(["gate", "yard", "gate"])])
    assert [len(part) for part in client.take()[:1]] == [1]


def test_a_client_that_wants_no_events_is_not_woken_by_them() -> None:
    client = Subscriber([], events=False)
    client.offer([recorded(event_of(1))], lost=3)
    assert not client.ready.is_set()
    assert client.take() == ([], 0)


def test_who_waits_for_a_stream_is_woken_from_another_thread() -> None:
    async def wait() -> bool:
        feed = Feed()
        feed.bind()
        waiting = asyncio.create_task(feed.wait_for("gate", 60))
        await asyncio.sleep(0)
        thread = threading.Thread(target=feed.publish, args=([recorded(event_of(1))],))
        thread.start()
        await waiting
        thread.join()
        return not feed._waiting

    assert asyncio.run(wait())


def test_too_many_clients_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.feed.MAX_SUBSCRIBERS", 1)
    feed = Feed()
    with feed.subscribed([]), pytest.raises(ApiError, match="close one of them"), feed.subscribed([]):
        pass
    with feed.subscribed([]):
        pass


def test_who_follows_live_outlasts_a_busy_host_but_not_the_session() -> None:
    sent: list[bytes] = []

    async def news(told: int) -> tuple[int, bytes]:
        raise ApiError(503, "too many requests wait for this already")

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    async def follow() -> None:
        feed, allowed = Feed(), iter([True, True, True, False])
        feed.bind()
        stream = LiveStream(feed, [], news, lambda: next(allowed))
        asyncio.get_running_loop().call_later(0, feed.publish, [recorded(event_of(1))])
        async with asyncio.timeout(60):
            await stream({"type": "http"}, receive, send)

    asyncio.run(follow())
    assert b"gate/1/1/main" in b"".join(sent)
    assert sent[-1] == b""


# ---------------------------------------------------------------- what has changed about the streams


class World:
    """Streams that a test changes, and the news of them. `looks`: how often somebody looked."""

    def __init__(self, *names: str) -> None:
        self.streams: dict[str, Told] = {name: {"stream": name, "state": "running", "frames": 1} for name in names}
        self.looks = 0
        self.news = StreamNews(self._look, every_s=0.0)

    def _look(self) -> tuple[int, dict[str, Told]]:
        self.looks += 1
        return self.looks, {name: dict(row) for name, row in self.streams.items()}

    def since(self, number: int, *streams: str) -> tuple[int, dict[str, Any]]:
        self.news.look_again()
        number, data = self.news.since(number, streams)
        return number, json.loads(data)


def test_a_new_client_is_told_everything_and_then_what_has_changed() -> None:
    world = World("gate", "yard")
    told, first = world.since(0)
    assert first == {"now_us": 1, "streams": list(world.streams.values()), "whole": True}
    told, nothing = world.since(told)
    assert nothing == {"now_us": 2, "streams": []}
    world.streams["gate"]["frames"] = 2
    world.streams["roof"] = {"stream": "roof", "state": "opening", "frames": 0}
    del world.streams["yard"]
    _, news = world.since(told)
    assert news == {
        "now_us": 3,
        "streams": [{"stream": "gate", "frames": 2}, world.streams["roof"]],
        "gone": ["yard"],
    }


def test_a_client_that_was_told_long_ago_is_told_everything_again() -> None:
    """Its marker says that what it knew holds no more, and nothing is kept for it meanwhile."""
    world = World("gate", "yard")
    told, _ = world.since(0)
    for frames in range(LOOKS - 1):
        world.streams["gate"]["frames"] = frames
        assert "whole" not in world.since(told)[1]
    assert world.since(told)[1]["whole"]
    assert len(world.news._looks) == LOOKS


def test_clients_told_at_different_looks_each_get_what_they_lack() -> None:
    world = World("gate", "yard")
    early, _ = world.since(0)
    world.streams["gate"]["frames"] = 2
    late, _ = world.since(early)
    world.streams["yard"]["frames"] = 2
    changed = [{row["stream"] for row in world.since(told)[1]["streams"]} for told in (early, late)]
    assert changed == [{"gate", "yard"}, {"yard"}]


def test_only_the_streams_that_were_asked_for_are_told() -> None:
    world = World("gate", "yard")
    told, first = world.since(0, "yard", "nobody")
    assert [row["stream"] for row in first["streams"]] == ["yard"]
    world.streams["gate"]["frames"] = 7
    assert world.since(told, "yard")[1]["streams"] == []
    del world.streams["yard"]
    assert world.since(told, "yard")[1]["gone"] == ["yard"]


def test_many_clients_share_one_message() -> None:
    world = World(*(f"cam-{number}" for number in range(300)))
    world.news.look_again()
    first, second = (world.news.since(0)[1] for _ in range(2))
    assert first is second


def test_what_is_told_of_300_busy_streams_is_small() -> None:
    """Each has a new frame every time, with an event of 10 kB, of which the clients of the wall need a few fields."""
    live, now = LiveState(), 1_795_000_000_000_000
    news = StreamNews(lambda: (now, _told(live, now)), every_s=0.0)
    told, sizes = 0, []
    for seq in range(3):
        event = event_of(seq, labels={"x" * 10_000: 0.5})
        live.note([recorded(replace(event, stream=f"cam-{number}")) for number in range(300)])
        news.look_again()
        told, data = news.since(told)
        sizes.append(len(data))
    assert sizes[0] < 300 * 1000
    assert sizes[1] < 300 * 400
    assert sizes[2] < 300 * 400


def _told(live: LiveState, now: int) -> dict[str, Told]:
    seen = live.streams()
    return told_of(stream_rows([], seen, now, now), seen)


def test_a_row_is_told_with_as_much_of_its_event_as_says_how_the_stream_does() -> None:
    live = LiveState()
    live.note([recorded(event_of(1, outcome="failed", reason="corrupt " * 100, labels={"car": 0.5}))])
    row = _told(live, 1_795_000_000_000_000)["gate"]
    assert row.keys() == set(StreamRow.__struct_fields__)
    event = row["last_event"]
    assert isinstance(event, dict)
    assert event.keys() == {"event_id", "outcome", "reason", "received_at"}
    assert (event["outcome"], len(event["reason"])) == ("failed", 200)
