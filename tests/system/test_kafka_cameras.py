"""Eight cameras by RTSP into Kafka: what happens to one of them is told, and touches no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from framehop import _core
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.ops.audit import audit
from framehop.pipeline.streams.stream_status import StreamStatus
from tests.broker import Cluster
from tests.cameras import RtspServer, tcp_server, through
from tests.clips import BITS, write_changing, write_film
from tests.system.asked import Asked, running
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse
from tests.system.numbered_films import number_of
from tests.tiny_model import write_columns_model
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

COUNT = 5000  # pictures of a clip, 200 seconds; a camera that comes to its end begins anew
GOOD = ["good-0", "good-1", "good-2"]
PAUSE = timedelta(seconds=1)
BAD = ["restarts", "hangs", "spoilt"]
Epochs = dict[int, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Cameras at three servers, and what can be done to them."""

    sources: Mapping[str, str]
    late: str
    restarting: RtspServer
    hanging: RtspServer
    spoilt: threading.Event


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    clip = write_film(folder / "clip.mp4", COUNT, params="keyint=25:min-keyint=25:scenecut=0")
    changing = write_changing(folder / "clip.ts", [(160, 64), (320, 128)], 100)
    spoilt = threading.Event()
    with (
        RtspServer({"/cam": clip, "/resized": changing}) as good,
        RtspServer({"/cam": clip}) as restarting,
        RtspServer({"/cam": clip}) as hanging,
        tcp_server(through(good.port, spoilt)) as port,
    ):
        sources = {name: good.url("/cam") for name in [*GOOD, "leaves"]}
        sources |= {"resized": good.url("/resized"), "spoilt": f"rtsp://127.0.0.1:{port}/cam"}
        sources |= {"restarts": restarting.url("/cam"), "hangs": hanging.url("/cam")}
        yield Site(sources=sources, late=good.url("/cam"), restarting=restarting, hanging=hanging, spoilt=spoilt)


def wait_more(run: Asked, streams: Sequence[str], frames: int) -> None:
    """Wait until the log has so many more frames of each."""
    before = {name: run.streams()[name].acked for name in streams}

    def came() -> bool:
        now = run.streams()
        return all(now[name].acked >= before[name] + frames for name in streams)

    until(came, f"{frames} frames of each of {streams}", 120)


def wait(run: Asked, stream: str, what: str, check: Callable[[StreamStatus], bool]) -> StreamStatus:
    """Return the first status that is as wanted."""
    seen: list[StreamStatus] = []

    def so() -> bool:
        seen.append(run.streams()[stream])
        return check(seen[-1])

    until(so, f"that {stream} is {what}", 120)
    return seen[-1]


def trouble(run: Asked, at: Site) -> None:
    """Every misfortune at a time. Each one ends once it is told."""
    at.restarting.kill()
    at.hanging.freeze()
    at.spoilt.set()
    run.change("remove", "leaves")
    run.add("late", at.late, rate="realtime")
    for name, heal in {"restarts": at.restarting.start, "hangs": at.hanging.thaw, "spoilt": at.spoilt.clear}.items():
        away = wait(run, name, "away", lambda status: status.phase == "retrying" and status.health.next_try_us > 0)
        assert away.error, "the reason is told with the next try"
        heal()
    for name in BAD:
        wait(run, name, "back", lambda status: status.phase == "running" and status.health.reconnects > 0)
    wait(run, "resized", "of another size", lambda status: status.health.width == 320)
    run.change("remove", "resized")  # its clip is a short one
    wait_more(run, [*GOOD, *BAD, "late"], 25)


def epochs_of(events: Sequence[dict[str, Any]]) -> dict[str, Epochs]:
    found: dict[str, Epochs] = {}
    for event in sorted(events, key=lambda event: (event["stream"], event["epoch"], event["seq"])):
        found.setdefault(event["stream"], {}).setdefault(event["epoch"], []).append(event)
    return found


def check_epoch(events: Sequence[dict[str, Any]]) -> None:
    """Every frame of a connection is there, and was found to be its own picture."""
    assert [event["seq"] for event in events] == list(range(len(events)))
    numbers = [number_of(event) for event in events]
    assert all(after == follower(number) for number, after in pairwise(numbers))
    assert len({(event["width"], event["height"]) for event in events}) == 1


def follower(number: int) -> int:
    return (number + 1) % (1 << BITS)


def check_never_paused(epochs: Epochs) -> None:
    """No picture of a camera is missing from its first to its last, so that by its own times it never paused. Its clock is told
    some seconds after the connection, and then begins an epoch."""
    for before, after in pairwise(epochs.values()):
        last, first = number_of(before[-1]), number_of(after[0])
        assert first == follower(last) or (last, first) == ((COUNT - 1) % (1 << BITS), 0), "pictures are missing"
    for events in epochs.values():
        times = [datetime.fromisoformat(event["captured_at"]) for event in events if event["clock"] == "camera"]
        assert all(after - before < PAUSE for before, after in pairwise(times))


def test_what_happens_to_one_camera_touches_no_other(house: House, kafka_cluster: Cluster) -> None:
    model = house.path / "columns"
    model.mkdir()
    with KafkaHouse(house, kafka_cluster) as kafka, site(house.path) as at:
        kafka.model = write_columns_model(model, BITS)
        config = house.path / "cameras.yaml"
        streams = {name: {"source": source, "stall_s": 2.0} for name, source in at.sources.items()}
        config.write_text(yaml.safe_dump({"log": {"kafka": kafka.settings}, "streams": streams}))
        words = ("--log", kafka.url, "--model", kafka.model, "--config", config, "--policy", "all")
        with running(house, "run", at=words) as run:
            wait_more(run, list(at.sources), 25)
            trouble(run, at)
        kafka.detect()  # what was in flight
        with KafkaLog(kafka.url) as log:
            report = audit(log)
        ledger = kafka.ledger()
    assert report.ok, report.findings
    ledger.check(repeats=WINDOW)
    assert {event["outcome"] for event in ledger.events} == {"detected"}
    found = epochs_of(ledger.events)
    assert set(found) == {*at.sources, "late"}
    for events in [events for epochs in found.values() for events in epochs.values()]:
        check_epoch(events)
    for name in [*GOOD, "late"]:
        check_never_paused(found[name])
    assert {name: len(found[name]) > 1 for name in [*BAD, "resized"]} == dict.fromkeys([*BAD, "resized"], True)
    assert {events[0]["width"] for events in found["resized"].values()} == {160, 320}
