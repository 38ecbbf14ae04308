"""Films in the log as they are: a worker may die anywhere in a group of pictures, and each event is still that of its picture."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

import framehop
from framehop import _core
from framehop.partitioning import partition_of
from framehop.protocols import Picture
from framehop.sources.passthrough import PassedVideo
from framehop.types import Frame, FrameKey, StreamState
from tests.broker import Cluster
from tests.clips import BITS, numbered, write_film
from tests.system.audited import audit
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.system.numbered_films import first_of_each, number_of, order_on_screen, plain
from tests.tiny_model import write_columns_model
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

LONG = "keyint=250:min-keyint=250:scenecut=0"  # 10 s
FPS = 50
ROUND_S = 6  # a kill, its restart, and progress after it
SOAK_S = 12  # seconds of each film for one kill, 1,500 frames in all: more than are answered between two


def neighbours(partitions: int, count: int, partition: int = 0) -> list[str]:
    """Return stream ids that share a partition."""
    names = (f"cam-{k}" for k in itertools.count())
    return list(itertools.islice((name for name in names if partition_of(name, partitions) == partition), count))


def rounds_of(request: pytest.FixtureRequest, few: int) -> int:
    """Return how often to kill: as the command says, else `few` times."""
    rounds: int | None = request.config.getoption("--rounds")
    return rounds or few


class Stage:
    """Two films, with closed and with open groups, and a camera of JPEGs, all in one partition; the same films in another one."""

    def __init__(self, house: House, *, seconds: int, partitions: int = 8) -> None:
        self.house = house
        one, two, three = neighbours(partitions, 3)
        closed = write_film(house.path / "closed.mp4", seconds * 25, params=LONG, bframes=3)
        opened = write_film(house.path / "open.mkv", seconds * 25, params=f"{LONG}:open-gop=1", bframes=3)
        four, five = neighbours(partitions, 2, partition=1)
        films = {one: closed, two: opened, four: closed, five: opened}
        self.numbers = {stream: order_on_screen(film) for stream, film in films.items()}
        self.jpegs = three
        self.count = seconds * 25
        self.sources = [f"{stream}={film}" for stream, film in films.items()]
        self.sources.append(f"{three}=testsrc:?size=160x64&count={self.count}")
        self.total = len(self.sources) * self.count
        folder = house.path / "model"
        folder.mkdir()
        self.words: list[str | Path] = [*self.sources, "--model"]
        self.words += [write_columns_model(folder, BITS), "--rate", str(FPS)]

    def ingested(self, *log: str | Path) -> str | Path:
        """Put all into the log; return the model."""
        *ingest, model, _, _ = [word for word in self.words if word != "--model"]
        done = self.house.framehop("ingest", *ingest, "--rate", "max", *log)
        assert done.returncode == 0, done.stderr
        return model

    def events(self) -> list[dict[str, Any]]:
        with framehop.open_log(self.house.log, create=False) as log, log.events() as reader:
            return [plain(record.event) for record in reader]

    def calm(self) -> dict[tuple[str, int], Any]:
        """Return what is found when nobody dies."""
        calm = self.house.path / "calm"
        done = self.house.framehop("run", *self.words, "--rate", "max", "--log", calm, timeout_s=600)
        assert done.returncode == 0, done.stderr
        with framehop.open_log(calm, create=False) as log, log.events() as reader:
            return boxes(plain(record.event) for record in reader)

    def check(self, events: Sequence[dict[str, Any]]) -> None:
        """Every frame has its event, and every event the number of its own picture."""
        for stream, numbers in self.numbers.items():
            mine = {event["seq"]: event for event in events if event["stream"] == stream}
            assert sorted(mine) == sorted(numbers)
            assert {event["outcome"] for event in mine.values()} == {"detected"}, _told(mine.values())
            assert {seq: number_of(event) for seq, event in mine.items()} == numbers
        camera = [event for event in events if event["stream"] == self.jpegs]
        assert sorted(event["seq"] for event in camera) == list(range(self.count))
        assert {event["outcome"] for event in camera} == {"detected"}


def committed(house: House) -> int:
    """Return how many frames are answered for good."""
    if not (house.log / "index.db").exists():
        return 0
    with framehop.open_log(house.log, create=False) as log:
        return sum(log.committed("detect-main").values())


def _film_s(rounds: int) -> int:
    """Return the length of films that outlast so many kills."""
    return (rounds + 1) * ROUND_S * FPS // 25


def _told(events: Iterable[dict[str, Any]]) -> list[str]:
    return [f"{event['event_id']}: {event['reason']}" for event in events if event["outcome"] != "detected"][:5]


def boxes(events: Iterable[dict[str, Any]]) -> dict[tuple[str, int], Any]:
    return {(event["stream"], event["seq"]): event["objects"] for event in events}


def kill_workers(house: House, running: subprocess.Popen[bytes], rounds: int, progress: Any) -> None:
    """Kill the worker as often, each time after some progress and a random while."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(rounds):
        before = progress()
        until(lambda: progress() > before, "progress", 120)  # noqa: B023
        with pytest.raises(subprocess.TimeoutExpired):  # the random instant is the point
            running.wait(chance.random() * 0.5)
        for worker in house.processes("worker-0"):
            worker.send_signal(signal.SIGKILL)


@pytest.mark.timeout(3600)
def test_a_worker_may_die_anywhere_in_a_group(house: House, request: pytest.FixtureRequest) -> None:
    rounds = rounds_of(request, 4)
    stage = Stage(house, seconds=_film_s(rounds))
    report = house.path / "report.json"
    running = house.start("run", *stage.words, "--log", house.log, "--report", report)
    kill_workers(house, running, rounds, lambda: committed(house))
    _, stderr = running.communicate(timeout=600)
    assert running.returncode == 0, stderr.decode()
    deaths = [each for each in json.loads(report.read_text())["incidents"] if each["process"] == "worker-0"]
    assert len(deaths) == rounds
    events = stage.events()
    stage.check(events)
    found = audit(house)
    assert (found["missing"], found["duplicates"], found["out_of_order"]) == (0, 0, 0)

    assert stage.calm() == boxes(events)


@pytest.mark.kafka
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_worker_may_die_anywhere_in_a_group_with_kafka(
    house: House, kafka_cluster: Cluster, request: pytest.FixtureRequest, delivery: str
) -> None:
    rounds = rounds_of(request, 3)
    stage = Stage(house, seconds=_film_s(rounds), partitions=4)
    with KafkaHouse(house, kafka_cluster, delivery=delivery, partitions=4) as kafka:
        report = house.path / "report.json"
        running = house.start("run", *stage.words, *kafka.at, "--report", report)
        kill_workers(house, running, rounds, kafka.events)
        ended_well(running, 600)
        deaths = [each for each in json.loads(report.read_text())["incidents"] if each["process"] == "worker-0"]
        assert len(deaths) == rounds
        ledger = kafka.ledger()
        ledger.check(repeats=0 if delivery == "exactly-once" else rounds * WINDOW)
        assert ledger.gaps == []
        found = house.framehop("audit", *kafka.at, "--json")
        assert found.returncode == 0, found.stdout + found.stderr
    first = list(first_of_each(ledger.events).values())
    stage.check(first)
    assert stage.calm() == boxes(first)


def kill_often(stage: Stage, at: Sequence[str | Path], rounds: int, committed: Callable[[], int]) -> None:
    """Detect what is in the log while the worker is killed, until all is answered. On a slow machine it takes longer, and the
    films end no sooner."""
    house, report = stage.house, stage.house.path / "report.json"
    model = stage.ingested(*at)
    running = house.start("detect", *at, "--model", model, "--report", report)
    kill_workers(house, running, rounds, committed)
    until(lambda: committed() == stage.total, "every frame's event", 1800)
    running.send_signal(signal.SIGTERM)
    ended_well(running)
    deaths = [each for each in json.loads(report.read_text())["incidents"] if each["process"] == "worker-0"]
    assert len(deaths) == rounds


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_worker_is_killed_a_hundred_times(house: House, request: pytest.FixtureRequest) -> None:
    rounds = rounds_of(request, 100)
    stage = Stage(house, seconds=SOAK_S * rounds)
    kill_often(stage, ["--log", house.log], rounds, lambda: committed(house))
    events = stage.events()
    stage.check(events)
    found = audit(house)
    assert (found["missing"], found["duplicates"], found["out_of_order"]) == (0, 0, 0)
    assert stage.calm() == boxes(events)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_worker_is_killed_a_hundred_times_with_kafka(
    house: House, kafka_cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    rounds = rounds_of(request, 100)
    stage = Stage(house, seconds=SOAK_S * rounds, partitions=4)
    with KafkaHouse(house, kafka_cluster, partitions=4) as kafka:
        kill_often(stage, kafka.at, rounds, lambda: sum(kafka.committed().values()))
        ledger = kafka.ledger()
        ledger.check(repeats=rounds * WINDOW)
        assert ledger.gaps == []
        found = house.framehop("audit", *kafka.at, "--json")
        assert found.returncode == 0, found.stdout + found.stderr
    first = list(first_of_each(ledger.events).values())
    stage.check(first)
    assert stage.calm() == boxes(first)


@pytest.mark.parametrize("point", ["decode.mid@20", "decode.done@9", "offsets.stored@4"])
def test_killed_at_a_point_in_the_first_group(house: House, point: str) -> None:
    stage = Stage(house, seconds=4)
    report = house.path / "report.json"
    done = house.framehop("run", *stage.words, "--log", house.log, "--report", report, fail_at=point)
    assert done.returncode == 0, done.stderr
    [death] = json.loads(report.read_text())["incidents"]
    assert (death["process"], death["signal"]) == ("worker-0", "SIGKILL")
    stage.check(stage.events())
    assert audit(house)["missing"] == 0


def test_a_camera_that_stalls_in_mid_group_holds_nobody_back(house: House) -> None:
    """Its last pictures might still be overtaken, but a camera of JPEGs shares its partition and goes on."""
    stalls, goes_on = neighbours(8, 2)
    film = list(PassedVideo(write_film(house.path / "film.mp4", 30, params=LONG, bframes=3), stream="s").pictures())
    folder = house.path / "model"
    folder.mkdir()
    with framehop.open_log(house.log) as log, log.writer() as writer:
        state = writer.open_stream(stalls, source="test:", finite=False)
        other = writer.open_stream(goes_on, source="test:", finite=False)
        running = house.start("detect", "--log", house.log, "--model", write_columns_model(folder, BITS))
        for seq, picture in enumerate(film[:10]):
            assert writer.append(_frame(state, seq, picture))
        seqs = itertools.count()
        jpeg = _core.encode_jpeg(numbered(5))

        def goes_on_and_all_is_answered() -> bool:
            assert writer.append(_frame(other, next(seqs), Picture(payload=jpeg, media_us=0, width=160, height=64)))
            with log.events() as reader:
                return sum(record.event.stream == stalls for record in reader) == 10

        until(goes_on_and_all_is_answered, "every event of the camera that stalls", 60)
        for seq, picture in enumerate(film[10:], 10):
            assert writer.append(_frame(state, seq, picture))
        count = 30 + next(seqs)
        until(lambda: house.events() == count, "every event", 60)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        with log.events() as reader:
            events = [plain(record.event) for record in reader if record.event.stream == stalls]
    assert {event["outcome"] for event in events} == {"detected"}, _told(events)
    assert {event["seq"]: number_of(event) for event in events} == order_on_screen(house.path / "film.mp4")


def _frame(state: StreamState, seq: int, picture: Picture) -> Frame:
    now_us = state.epoch + seq * 40_000
    return Frame(
        key=FrameKey(state.stream, state.epoch, seq),
        payload=picture.payload,
        captured_us=now_us + picture.media_us - (picture.due_us or 0),
        received_us=now_us,
        content_type=picture.content_type,
        keyframe=picture.keyframe,
        width=picture.width,
        height=picture.height,
    )


def test_a_partition_changes_hands_in_mid_group(house: House) -> None:
    """Its films go from one `framehop detect` to the next."""
    stage = Stage(house, seconds=40)
    model = stage.ingested("--log", house.log)
    before = 0
    for share in (0.1, 0.25, 0.4):
        running = house.start("detect", "--log", house.log, "--model", model)
        until(lambda: committed(house) > share * stage.total, "progress", 60)  # noqa: B023
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        assert before < committed(house) < stage.total
        before = committed(house)
    report = house.path / "report.json"
    rest = house.framehop("detect", "--log", house.log, "--model", model, "--until-idle", "0.5", "--report", report)
    assert rest.returncode == 0, rest.stderr
    status = json.loads(report.read_text())["status"]
    assert status["frames_read"] == status["events"] == stage.total - before
    events = stage.events()
    stage.check(events)
    assert len({event["writer"] for event in events}) == 4
    found = audit(house)
    assert (found["missing"], found["duplicates"], found["out_of_order"]) == (0, 0, 0)


def move_offsets_back(house: House, frames: int) -> None:
    """Move the group as another program might, and take away the events that it is to write again."""
    with contextlib.closing(sqlite3.connect(house.log / "index.db")) as index, index:
        index.execute('UPDATE offsets SET metadata=\'\', "offset"=max(0, "offset" - ?)', (frames,))
        for partition, offset in index.execute('SELECT partition, "offset" FROM offsets').fetchall():
            index.execute(
                "DELETE FROM events WHERE (stream, epoch, seq) IN"
                ' (SELECT stream, epoch, seq FROM frames WHERE partition=? AND "offset">=?)',
                (partition, offset),
            )


def test_offsets_that_another_client_has_moved(house: House) -> None:
    """Its commit names no key frame: the log is looked at, and each frame has the picture that it would have had."""
    stage = Stage(house, seconds=20)
    model = stage.ingested("--log", house.log)
    running = house.start("detect", "--log", house.log, "--model", model)
    until(lambda: committed(house) > stage.total * 0.4, "progress", 60)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    move_offsets_back(house, 333)
    rest = house.framehop("detect", "--log", house.log, "--model", model, "--until-idle", "0.5")
    assert rest.returncode == 0, rest.stderr
    assert "was not committed by framehop" in rest.stderr
    stage.check(stage.events())


@pytest.mark.kafka
def test_offsets_that_another_client_has_moved_in_kafka(house: House, kafka_cluster: Cluster) -> None:
    stage = Stage(house, seconds=12, partitions=4)
    with KafkaHouse(house, kafka_cluster, partitions=4) as kafka:
        model = stage.ingested(*kafka.at)
        running = house.start("detect", *kafka.at, "--model", model)
        kafka.wait_events(stage.total // 3)
        running.send_signal(signal.SIGTERM)
        ended_well(running)
        moved = {partition: max(0, offset - 111) for partition, offset in kafka.committed().items()}
        kafka.move_offsets(moved)
        rest = house.framehop("detect", *kafka.at, "--model", model, "--until-idle", "1.5")
        assert rest.returncode == 0, rest.stderr
        assert "was not committed by framehop" in rest.stderr
        ledger = kafka.ledger()
        assert ledger.gaps == []
    assert len(ledger.events) > stage.total
    for events in (ledger.events, ledger.events[::-1]):  # those that came twice found the same
        stage.check(list(first_of_each(events).values()))


@pytest.mark.kafka
def test_partitions_are_added_while_films_run(house: House, kafka_cluster: Cluster) -> None:
    """No group of pictures is split, and a worker that dies behind it goes on exactly."""
    stage = Stage(house, seconds=2 * ROUND_S * FPS // 25, partitions=4)
    with KafkaHouse(house, kafka_cluster, partitions=4) as kafka:
        running = house.start("run", *stage.words, *kafka.at)
        kafka.wait_events(stage.total // 10)
        kafka.add_partitions(7)
        kill_workers(house, running, 1, kafka.events)
        ended_well(running, 300)
        ledger = kafka.ledger()
    stage.check(list(first_of_each(ledger.events).values()))
    places = {(*frame.key[:2], frame.partition) for frame in ledger.frames}
    assert len(places) == len(stage.sources)
