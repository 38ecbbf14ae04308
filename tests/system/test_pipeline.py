"""The whole pipeline on real parts: what goes in, what comes out, what it says when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import framehop
from framehop.sources import parse_source
from framehop.sources.demo import demo_sources
from framehop.sources.pan import PanSource
from framehop.testing.synthetic import forged_jpeg
from tests.clips import number_in, write_film
from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_model
from tests.waiting import until

SHAPES = "testsrc:?size=320x240&count=30"


def events_of(house: House) -> list[framehop.Event]:
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        return [record.event for record in reader]


def test_ingest_then_detect_prints_one_event_per_frame(house: House) -> None:
    assert house.framehop("ingest", SHAPES, "--log", house.log, "--stream", "a", "--rate", "max").returncode == 0
    done = house.framehop("detect", "--log", house.log, "--until-idle", "1", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(30))
    assert {event["stream"] for event in events} == {"a"}
    assert {event["model"]["name"] for event in events} == {"coco-ssd"}
    assert "a: 30 frames, none with an object" in done.stderr
    check_ledger(house.log, {"a": pictures_of(SHAPES)})


def test_lanes_look_at_each_picture_alone(house: House) -> None:
    report = house.run([f"cam-{i}={SHAPES}" for i in range(4)], "--lanes", "3")
    events = events_of(house)
    assert {event.stages_ms["batch"] for event in events} == {1.0}
    assert report["status"]["detected"] == len(events) == 120
    check_ledger(house.log, {f"cam-{i}": pictures_of(SHAPES) for i in range(4)})


def test_four_streams_share_batches_in_one_lane(house: House) -> None:
    house.run([f"cam-{i}={SHAPES}" for i in range(4)], "--lanes", "1")
    events = events_of(house)
    assert np.mean([event.stages_ms["batch"] for event in events]) > 1.2
    by_batch: dict[tuple[str, float, float], set[str]] = {}
    for event in events:
        timings = (event.writer, event.stages_ms["infer"], event.stages_ms["preprocess"])
        by_batch.setdefault(timings, set()).add(event.stream)
    assert any(len(streams) > 1 for streams in by_batch.values()), "no batch held pictures of two streams"


def test_two_workers_share_the_partitions(house: House) -> None:
    report = house.run([f"cam-{i}={SHAPES}" for i in range(6)], "--workers", "2")
    assert report["status"]["events"] == 180
    assert len({event.writer for event in events_of(house)}) == 2
    check_ledger(house.log, {f"cam-{i}": pictures_of(SHAPES) for i in range(6)})


def test_bad_pictures_become_failed_events_and_disturb_nobody(house: House) -> None:
    folder = house.path / "pictures"
    folder.mkdir()
    good = next(iter(parse_source(SHAPES).pictures())).payload
    bad = {
        "1-random.jpg": bytes(range(256)) * 20,
        "3-truncated.jpg": good[: len(good) // 2],
        "5-bomb.jpg": forged_jpeg(30000, 30000),
        "7-empty.jpg": b"",
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    for i in (0, 2, 4, 6, 8):
        (folder / f"{i}-good.jpg").write_bytes(good)
    house.run([f"cam={folder}"])
    events = events_of(house)
    assert [event.outcome for event in events] == ["detected", "failed"] * 4 + ["detected"]
    reasons = [event.reason for event in events if event.outcome == "failed"]
    assert [reason.split(":")[0] for reason in reasons] == [
        "corrupt_picture",
        "corrupt_picture",
        "picture_too_large",
        "corrupt_picture",
    ]
    assert "30000" in reasons[2]
    audit = json.loads(house.framehop("audit", "--log", house.log, "--json").stdout)
    assert (audit["missing"], audit["outcomes"]) == (0, {"detected": 5, "failed": 4})


def test_boxes_move_as_the_pan_does(house: House) -> None:
    """A person on a wide canvas, always whole in the window: back in the picture's own pixels, the box stands still."""
    found = next(spec.source for spec in demo_sources() if "astronaut" in spec.source)
    astronaut = Image.open(found.removeprefix("pan:").split("?")[0])
    canvas = Image.new("RGB", (1400, 1400), (110, 110, 110))
    canvas.paste(astronaut, (444, 444))
    canvas.save(house.path / "wide.png")
    text = f"pan:{house.path / 'wide.png'}?rate=10&count=24&size=1050x1050"
    house.run([f"cam={text}"])
    source = parse_source(text)
    assert isinstance(source, PanSource)
    centres, offsets = [], []
    for event in events_of(house):
        for person in [item for item in event.objects if item.label == "person"][:1]:
            x1, y1, x2, y2 = person.box
            offsets.append(source.offset(event.seq))
            centres.append(((x1 + x2) / 2, (y1 + y2) / 2))
    assert len(centres) >= 22
    in_picture = np.array(centres) / source.scale + np.array(offsets)
    assert np.ptp(np.array(offsets), axis=0).min() > 150, "the pan hardly moved"
    assert np.abs(in_picture - np.median(in_picture, axis=0)).max() < 30, "less than a tenth of the person"


def test_an_idle_pipeline_sleeps(house: House) -> None:
    """Under 1 % of a core in all: supervisor, worker, detector."""
    assert house.framehop("ingest", SHAPES, "--log", house.log, "--rate", "max").returncode == 0
    supervisor = house.start("detect", "--log", house.log)
    until(lambda: house.events() == 30, "all events", 60)
    processes = house.processes()
    assert len(processes) >= 3

    def cpu_s() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, began = cpu_s(), time.monotonic()
    time.sleep(10.0)  # the measured quantity is what happens while nothing happens
    share = (cpu_s() - before) / (time.monotonic() - began)
    supervisor.terminate()
    supervisor.communicate(timeout=10)
    assert share < 0.01, f"{share:.2%} of a core"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["ingest", "no-such-file.mp4"], "no-such-file.mp4"),
        (["ingest", "ftp://camera/1"], "unknown source"),
        (["ingest", "rtsp://ann:s3#cret@camera/1"], "%23 for #"),
        (["run", "README.txt"], "README.txt"),
        (["run", SHAPES, "--model", "no-such-model"], "coco-ssd"),
        (["run", SHAPES, "--rate", "fast"], "realtime"),
        (["run", SHAPES, SHAPES], "testsrc"),
        (["run", SHAPES, "--slots", "4096", "--slot-mib", "4096"], "MiB"),
        (["detect"], "framehop"),
        (["audit", "--log", "nowhere"], "nowhere"),
        (["tail", "--log", "kafka://127.0.0.1:port"], "kafka://HOST:PORT"),
        (["run", SHAPES, "--log", "foreign"], "foreign"),
        (["run", "a=pictures", "--slots", "0"], "slots"),
    ],
)
def test_errors_are_lines_a_person_can_act_on(house: House, args: list[str], says: str) -> None:
    (house.path / "README.txt").write_text("not a video")
    (house.path / "foreign").mkdir()
    (house.path / "foreign" / "letter.txt").write_text("dear diary")
    done = house.framehop(*args)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (house.path / "foreign" / "letter.txt").exists()


def test_a_detect_without_frames_says_that_it_is_ready(house: House) -> None:
    framehop.open_log(house.log).close()
    model = write_model(house.path)
    detect = house.start("detect", "--log", house.log, "--model", model)
    assert detect.stderr is not None
    assert detect.stderr.readline().decode() == f"ready: {model} looks at the frames of {house.log}\n"
    assert house.processes("worker-0")
    detect.terminate()
    _, stderr = detect.communicate(timeout=30)
    assert detect.returncode == 0, stderr.decode()
    assert b"ready" not in stderr, "it is said once"


def test_a_second_writer_of_a_stream_is_refused(house: House) -> None:
    first = house.start("ingest", "testsrc:?rate=5", "--log", house.log, "--stream", "gate")
    until(lambda: _frames(house.log) > 0, "a first frame", 30)
    second = house.framehop("ingest", "testsrc:?rate=5", "--log", house.log, "--stream", "gate")
    first.terminate()
    first.communicate(timeout=10)
    assert second.returncode == 1
    assert "gate" in second.stderr
    assert str(first.pid) in second.stderr


def _frames(log_path: Path) -> int:
    if not (log_path / "index.db").exists():
        return 0
    with framehop.open_log(log_path, create=False) as log:
        return sum(1 for _ in log.scan_frames())


def test_tail_and_annotate(house: House) -> None:
    house.run([f"cam={SHAPES}"])
    tail = house.framehop("tail", "--log", house.log, "--from", "beginning", "--no-follow")
    assert len(tail.stdout.splitlines()) == 31, "a header and a line per event"
    lines = house.framehop(
        "tail", "--log", house.log, "--from", "beginning", "--no-follow", "--json"
    ).stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(30))
    made = house.framehop("annotate", "out.mp4", "--log", house.log)
    assert made.returncode == 0, made.stderr
    assert (house.path / "out.mp4").stat().st_size > 1000


def test_doctor_finds_a_healthy_machine(house: House) -> None:
    done = house.framehop("doctor", "--json")
    assert done.returncode == 0, done.stdout
    topics = {check["topic"] for check in json.loads(done.stdout)}
    assert {"framehop", "memory", "rings", "runtime", "model", "sqlite"} <= topics


def test_api_iterates_events_and_can_be_left_early(house: House) -> None:
    many = "testsrc:?size=96x64&count=400"  # more than are read before it is left, however busy the machine
    quick = framehop.DetectOptions(model=str(write_model(house.path)))  # so that a busy machine drains in time
    for event in framehop.run(many, log=house.log, rate=20.0, options=quick):
        assert event.outcome == "detected"
        if event.seq == 3:
            break
    with framehop.open_log(house.log, create=False) as log:
        assert framehop.audit(log).missing == 0
    rest = [event.seq for event in framehop.run(many, log=house.log, rate="max", options=quick)]
    assert 0 < rest[0] < rest[-1] == 399
    check_ledger(house.log, {"testsrc": pictures_of(many)})


def seq_in(picture: NDArray[np.uint8]) -> int:
    """Read the seq that the test card has along its upper edge, 32 fields."""
    field = picture.shape[1] // 32
    fields = picture[1, field // 2 :: field][:32].mean(axis=-1) > 127
    return int("".join("1" if field else "0" for field in fields), 2)


def test_run_yields_each_event_with_its_own_picture(house: House) -> None:
    """This holds for a film that is copied, whose pictures do not come in the order of the screen; the loop can be left early."""
    film = write_film(house.path / "film.mp4", 20, bframes=3)
    quick = framehop.DetectOptions(model=str(write_model(house.path)))
    shown: dict[str, list[tuple[str, int]]] = {"testsrc": [], "film": []}
    sources = ("testsrc:?size=320x240&count=20", film)
    for event, picture in framehop.run(*sources, log=house.log, rate="max", codec="copy", options=quick, pictures=True):
        assert picture is not None
        assert not picture.flags.writeable
        number = seq_in(picture) if event.stream == "testsrc" else number_in(picture)
        shown[event.stream].append((event.captured_at, number))
    for stream, found in shown.items():
        assert [number for _, number in sorted(found)] == list(range(20)), stream
    assert [number for _, number in shown["film"]] != list(range(20)), "it has pictures that are shown later"
    for event, _ in framehop.run("left=testsrc:?count=400", log=house.log, rate=20.0, options=quick, pictures=True):
        assert event.stream == "left"
        break


def test_run_by_async_for_loses_nothing_to_a_step_that_is_cancelled(house: House) -> None:
    quick = framehop.DetectOptions(model=str(write_model(house.path)))

    async def watch() -> list[tuple[int, int]]:
        shown = []
        run = framehop.run("testsrc:?size=320x240&count=20", log=house.log, rate="max", options=quick, pictures=True)
        async with contextlib.aclosing(run) as found:
            waiting = asyncio.ensure_future(anext(found))
            await asyncio.sleep(0)  # it has begun
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            async for event, picture in found:
                assert picture is not None
                shown.append((event.seq, seq_in(picture)))
        return shown

    assert asyncio.run(watch()) == [(seq, seq) for seq in range(20)]


@pytest.mark.parametrize("ticks", [1, 30])
def test_a_run_that_is_left_while_it_starts_is_ended_when_it_is_closed(
    house: House, caplog: pytest.LogCaptureFixture, ticks: int
) -> None:
    quick = framehop.DetectOptions(model=str(write_model(house.path)))

    async def leave() -> None:
        run = framehop.run("testsrc:?size=96x64&count=400", log=house.log, rate=20.0, options=quick)
        waiting = asyncio.ensure_future(anext(run))
        for _ in range(ticks):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        closing = asyncio.ensure_future(run.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await run.aclose()

    asyncio.run(leave())
    assert "without stop" not in caplog.text
