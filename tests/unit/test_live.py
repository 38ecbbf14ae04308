"""Live pictures: the newest of each stream or every one, and ways to leave at the wrong moment."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import framehop
from framehop.errors import (
    ClosedError,
    InvalidArgumentError,
    LogNotFoundError,
    LogUnavailableError,
    ProcessError,
)
from framehop.log import KafkaOptions, LogOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.pipeline.event_queues import NewestEvents
from framehop.pipeline.live import Live
from framehop.pipeline.picture_log import PictureLog
from framehop.sinks.seen import Seen
from framehop.testing.memory_log import MemoryLog
from framehop.types import Event
from tests.broker import Cluster
from tests.feeder import Feeder, number_of
from tests.logs import TIMEOUT_S

LONG_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A log by its path, and a feeder for it."""

    url: str
    options: LogOptions | KafkaOptions
    feeder: Feeder

    def live(self, **options: object) -> Live:
        """`framehop.live`, which ends by itself should a test fail."""
        return framehop.live(self.url, log_options=self.options, **({"until_idle_s": LONG_S} | options))  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    options = LogOptions(partitions=2, session_timeout_s=20.0, reserve_bytes=0)
    with framehop.open_log(tmp_path / "log", options=options) as log, Feeder(log) as feeder:
        yield Place(url=log.url, options=options, feeder=feeder)


@pytest.fixture
def in_kafka(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    prefix = f"live-{uuid.uuid4()}"
    options = KafkaOptions(
        membership="dynamic", session_timeout_s=20.0, commit_interval_s=0.0, state_dir=str(tmp_path / "state")
    )
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as log:
        log.create_topics(TopicPlan(partitions=2))
        with Feeder(log) as feeder:
            yield Place(url=log.url, options=options, feeder=feeder)
    kafka_cluster.forget_topics(prefix)


@pytest.fixture(params=["here", pytest.param("in_kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def told(seen: Seen) -> tuple[str, int, int]:
    """Return a pair's stream and seq, and the number in its picture."""
    event, picture = seen
    assert picture is not None, seen.why
    return event.stream, event.seq, number_of(picture)


# ---------------------------------------------------------------- in both logs


def test_every_event_comes_in_order_with_its_picture(place: Place) -> None:
    place.feeder.feed("gate", 3, 1, 4)
    place.feeder.feed("yard", 1, 5)
    with place.live(newest=False, start="beginning") as live:
        found = [told(next(live)) for _ in range(5)]
        place.feeder.feed("gate", 9)
        found.append(told(next(live)))
        assert live.dropped == 0
    assert [each for each in found if each[0] == "gate"] == [
        ("gate", 0, 3),
        ("gate", 1, 1),
        ("gate", 2, 4),
        ("gate", 3, 9),
    ]
    assert [each for each in found if each[0] == "yard"] == [("yard", 0, 1), ("yard", 1, 5)]


def test_every_event_is_given_or_dropped_and_the_newest_is_given(place: Place) -> None:
    """A client of Kafka may have only some of the events at first."""
    with place.live() as live:
        place.feeder.feed("gate", 1, 2, 3, 4)
        place.feeder.feed("yard", 5, 6)
        given: list[tuple[str, int, int]] = []
        while not {("gate", 3, 4), ("yard", 1, 6)} <= set(given):
            given.append(told(next(live)))
    assert len(given) + live.dropped == 6
    for stream in ("gate", "yard"):
        seqs = [seq for name, seq, _ in given if name == stream]
        assert seqs == sorted(set(seqs)), "never an older one after a newer one"


def test_it_begins_with_what_comes(here: Place) -> None:
    here.feeder.feed("gate", 1, 2)
    with here.live() as live:
        here.feeder.feed("gate", 3)
        assert told(next(live)) == ("gate", 2, 3)


def _break_at_the_first(live: Live) -> None:
    for seen in live:
        raise LookupError(seen.event.event_id)


def test_a_loop_that_raises_goes_on_where_it_was(here: Place) -> None:
    here.feeder.feed("gate", 1, 2, 3)
    live = here.live(newest=False, start="beginning")
    with pytest.raises(LookupError):
        _break_at_the_first(live)
    assert [told(next(live))[1], told(next(live))[1]] == [1, 2]
    live.close()


def test_async_for_sees_the_same_and_may_be_cancelled(place: Place) -> None:
    place.feeder.feed("gate", 1, 2)

    async def watch() -> list[tuple[str, int, int]]:
        found = []
        async with place.live(newest=False, start="beginning") as live:
            async for seen in live:
                found.append(told(seen))
                if len(found) == 2:
                    break
            waiting = asyncio.ensure_future(anext(live))
            await asyncio.sleep(0)  # it waits now
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.to_thread(place.feeder.feed, "gate", 3)
            found.append(told(await anext(live)))
        with pytest.raises(StopAsyncIteration):
            await anext(live)
        return found

    assert asyncio.run(watch()) == [("gate", 0, 1), ("gate", 1, 2), ("gate", 2, 3)]


def test_close_ends_a_loop_that_waits(place: Place) -> None:
    live, seen = place.live(start="beginning"), threading.Event()

    def watch() -> None:
        for _ in live:
            seen.set()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    place.feeder.feed("gate", 1)
    assert seen.wait(TIMEOUT_S)
    live.close()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert list(live) == []


# ---------------------------------------------------------------- what is shown


def test_who_is_slow_sees_the_newest_of_each_stream(here: Place) -> None:
    with here.live() as live:
        here.feeder.feed("gate", 1)
        assert told(next(live)) == ("gate", 0, 1)
        here.feeder.feed("gate", 2, 3, 4)
        here.feeder.feed("yard", 5, 6)
        assert [told(next(live)), told(next(live))] == [("gate", 3, 4), ("yard", 1, 6)]
    assert live.dropped == 3


def test_only_the_wanted_streams_and_lane(here: Place) -> None:
    here.feeder.feed("gate", 1)
    here.feeder.feed("yard", 2)
    here.feeder.feed("gate", 3, lane="shadow")
    with here.live(newest=False, start="beginning", streams=["yard", "nobody"], until_idle_s=0.0) as live:
        assert [told(seen) for seen in live] == [("yard", 0, 2)]
    with here.live(newest=False, start="beginning", streams="gate", lane="shadow", until_idle_s=0.0) as live:
        assert [told(seen) for seen in live] == [("gate", 1, 3)]


def test_a_frame_without_a_picture_says_why(here: Place) -> None:
    here.feeder.feed("gate", 1, outcome="failed", reason="corrupt_picture")
    here.feeder.feed("gate", 2, outcome="skipped", reason="too-old")
    with here.live(newest=False, start="beginning") as live:
        failed, skipped = next(live), next(live)
    assert (failed.picture, failed.why) == (None, "failed: corrupt_picture")
    assert told(skipped) == ("gate", 1, 2), "a skipped frame has its picture"


def test_pictures_are_read_only_and_outlive_the_loop(here: Place) -> None:
    here.feeder.feed("gate", 7)
    with here.live(start="beginning") as live:
        _, picture = next(live)
    assert picture is not None
    assert (str(picture.dtype), picture.shape, number_of(picture)) == ("uint8", (48, 64, 3), 7)
    assert not picture.flags.writeable


def test_it_ends_when_nothing_comes(here: Place) -> None:
    here.feeder.feed("gate", 1)
    live = here.live(start="beginning", until_idle_s=0.0)
    assert [told(seen) for seen in live] == [("gate", 0, 1)]
    assert list(live) == [], "and it stays over"
    with pytest.raises(ClosedError), live:
        pass


# ---------------------------------------------------------------- at the wrong moment


def test_a_picture_that_could_not_be_read_is_tried_again(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here.feeder.feed("gate", 1, 2)
    read, failures = PictureLog.seen, [LogUnavailableError("of the test")]

    def failing(self: PictureLog, event: Event) -> Seen:
        if failures:
            raise failures.pop()
        return read(self, event)

    monkeypatch.setattr(PictureLog, "seen", failing)
    with here.live(newest=False, start="beginning") as live:
        with pytest.raises(LogUnavailableError):
            next(live)
        assert [told(next(live)), told(next(live))] == [("gate", 0, 1), ("gate", 1, 2)]


def test_closing_amid_a_picture_ends_it(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here.feeder.feed("gate", 1)
    read = PictureLog.seen

    def closing(self: PictureLog, event: Event) -> Seen:
        live.close()
        return read(self, event)

    monkeypatch.setattr(PictureLog, "seen", closing)
    live = here.live(start="beginning")
    assert list(live) == []


def test_one_that_is_dropped_half_way_closes_what_it_opened(here: Place) -> None:
    here.feeder.feed("gate", 1, 2)
    live = here.live(newest=False, start="beginning")
    event, _ = next(live)
    gone, events, pictures = weakref.ref(live), live._events, live._pictures
    assert events is not None
    assert pictures is not None
    gc.disable()  # it goes with its last reference, and not with a collection some time later
    try:
        del live
        assert gone() is None
    finally:
        gc.enable()
    with pytest.raises(ClosedError):
        events._reader.poll(1, 0.0)
    with pytest.raises(ClosedError):
        pictures.seen(event)


def test_a_closed_one_is_not_entered(here: Place) -> None:
    live = here.live()
    live.close()
    live.close()
    assert list(live) == []
    with pytest.raises(ClosedError, match=r"call framehop\.live again"), live:
        pass


def test_a_forked_child_is_told_and_takes_nothing_away(here: Place) -> None:
    here.feeder.feed("gate", 1, 2)
    with here.live(newest=False, start="beginning") as live:
        assert told(next(live)) == ("gate", 0, 1)
        child = os.fork()
        if child == 0:
            try:
                next(live)
            except ProcessError:
                live.close()
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert told(next(live)) == ("gate", 1, 2)


def test_a_forked_child_is_told_in_an_event_loop_too(here: Place) -> None:
    """The thread that reads for the loop is not forked along: who waited for it would wait for ever."""
    here.feeder.feed("gate", 1, 2)

    async def one(live: Live) -> Seen:
        return await anext(live)

    with here.live(newest=False, start="beginning") as live:
        assert told(asyncio.run(one(live))) == ("gate", 0, 1)
        child = os.fork()
        if child == 0:
            signal.alarm(int(LONG_S))  # ends it where it waits
            try:
                asyncio.run(one(live))
            except ProcessError:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert told(asyncio.run(one(live))) == ("gate", 1, 2)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    live = framehop.live(tmp_path / "nowhere")
    with pytest.raises(LogNotFoundError):
        next(live)
    with pytest.raises(LogNotFoundError), live:
        pass


def test_a_name_that_is_no_stream_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgumentError, match="stream id"):
        framehop.live(streams=["no/stream"])


# ---------------------------------------------------------------- the newest of each stream


@pytest.fixture(scope="module")
def event() -> Event:
    with MemoryLog(partitions=1) as log, Feeder(log) as feeder:
        return feeder.feed("gate", 1)[0]


def keyed(event: Event, stream: str, epoch: int, seq: int) -> Event:
    return replace(event, stream=stream, epoch=epoch, seq=seq)


def test_streams_take_turns_however_often_one_is_replaced(event: Event) -> None:
    queue, taken = NewestEvents(), []
    for step in range(6):
        queue.put(keyed(event, "fast", 1, 2 * step))
        queue.put(keyed(event, "slow", 1, step))
        queue.put(keyed(event, "fast", 1, 2 * step + 1))
        taken.append(queue.take().stream)
    assert taken == ["fast", "slow"] * 3


def test_what_comes_again_is_passed_over_and_a_new_epoch_is_newer(event: Event) -> None:
    queue = NewestEvents()
    for epoch, seq in [(1, 5), (1, 6), (1, 5), (1, 6), (2, 0), (1, 7)]:
        queue.put(keyed(event, "gate", epoch, seq))
    assert (queue.take().key.epoch, bool(queue)) == (2, False)
    assert queue.dropped == 3, "1/5, 1/6 and 1/7; what came again was counted"
    queue.put(keyed(event, "gate", 2, 0))
    assert not queue


# ---------------------------------------------------------------- a program that ends around it

ENDINGS = {
    "a daemon thread iterates": """
        def watch():
            for seen in live:
                began.set()
        threading.Thread(target=watch, daemon=True).start()
        assert began.wait(60)
        """,
    "Ctrl-C while it waits": """
        next(live)
        try:
            threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT)).start()
            next(live)
        except KeyboardInterrupt:
            pass
        """,
    "an event loop that closes under it": """
        async def main():
            await anext(live)
            asyncio.ensure_future(anext(live))
            await asyncio.sleep(0)
        asyncio.run(main())
        """,
    "a cycle keeps it": """
        class Holder:
            pass
        holder = Holder()
        holder.me, holder.live = holder, live
        next(live)
        del holder, live
        """,
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_program_ends_whatever_it_waits_for(here: Place, name: str) -> None:
    here.feeder.feed("gate", 1)
    head = "import asyncio, signal, sys, threading, framehop\nbegan = threading.Event()\n"
    body = head + "live = framehop.live(sys.argv[1], start='beginning')\n" + textwrap.dedent(ENDINGS[name])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", body, here.url],
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
