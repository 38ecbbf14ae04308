"""Cameras that lie, stall or send what nobody can use: each is told with what is tried next, and touches no other."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import threading
import wave
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from framehop import _core
from framehop.errors import SourceAwayError, SourceError
from framehop.ops.audit import audit
from framehop.pipeline.ingest.ingest import Ingest
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.protocols import FrameLog, Picture, Source
from framehop.sources import Codec
from framehop.sources.address import Address
from framehop.sources.live import reader
from framehop.sources.live.connection import MOST_CHANGES, TOO_OFTEN
from framehop.sources.live.live_video import LiveVideo
from framehop.sources.passthrough import PassedVideo
from framehop.sources.testsrc import ShapesSource
from framehop.testing.memory_log import MemoryLog
from framehop.testing.synthetic import jpeg
from tests.cameras import (
    GARBAGE,
    RtspServer,
    Serve,
    answering,
    file_server,
    flood,
    garbage,
    mjpeg,
    silent,
    tcp_server,
    up_to,
)
from tests.clips import encrypted, write_film
from tests.fields import field_of, parameter_sets
from tests.system.harness import House
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

SECOND = "keyint=25:min-keyint=25:scenecut=0"
SHADE = jpeg(64, 48, shade=90)


@pytest.fixture
def log() -> Iterator[FrameLog]:
    with MemoryLog() as opened:
        yield opened


def camera(url: str, stream: str = "cam", *, codec: Codec = "auto", open_s: float = 20.0) -> LiveVideo:
    """`open_s`: a shorter one, where it is what ends a connection."""
    return LiveVideo(Address.parse(url), stream=stream, codec=codec, open_s=open_s, stall_s=2.0)


@contextlib.contextmanager
def following(log: FrameLog, *sources: Source) -> Iterator[Roster]:
    """Read sources until the end of the block."""
    stop, roster = threading.Event(), Roster()
    roster.add(
        *(SourceOrder(stream=one.stream, source=one.uri, rate="realtime", loop=1, since_us=1) for one in sources)
    )
    ingest = Ingest(log, roster, at_hand={one.stream: one for one in sources}, stop=stop)
    thread = threading.Thread(target=ingest.run)
    thread.start()
    try:
        yield roster
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive(), "the ingest does not end"


def pictures(source: LiveVideo) -> list[Picture]:
    """Return what one connection gives up to its end."""
    return list(source.follow(lambda: False))


def why(source: LiveVideo) -> str:
    """Return why a connection ends, which gave nothing."""
    with pytest.raises(SourceError) as failure:
        pictures(source)
    return str(failure.value)


def multiplexed(units: Iterable[bytes], *, begin_s: int = 0) -> bytes:
    """Return access units of H.264 as a transport stream of 25 pictures a second, whose time stamps begin at `begin_s`."""
    with io.BytesIO() as file:
        with av.open(file, "w", format="mpegts") as container:
            stream = container.add_mux_stream("h264", rate=25, width=160, height=64)
            for number, unit in enumerate(units):
                packet = av.Packet(unit)
                packet.stream, packet.time_base = stream, Fraction(1, 90_000)
                packet.pts = packet.dts = begin_s * 90_000 + number * 3600
                packet.is_keyframe = number == 0
                container.mux(packet)
        return file.getvalue()


def sound() -> bytes:
    """Return a second of sound, as a transport stream."""
    with io.BytesIO() as file:
        with av.open(file, "w", format="mpegts") as container:
            stream = container.add_stream("aac", rate=44_100)
            for number in range(43):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 44_100, number * 1024
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return file.getvalue()


def claiming(width: int, height: int) -> list[bytes]:
    """Return units that claim pictures of this size and hold a little of one."""
    slice_ = field_of(0, 0).removeprefix(parameter_sets())
    return [parameter_sets((width, height)) + slice_] * 10


# ---------------------------------------------------------------- all at a time


def bad() -> Mapping[str, Serve]:
    """Return what bad cameras send, by the words in which each is reported."""
    return {
        "has not answered within 3 s": silent,
        "no answer that is understood": garbage,
        "has broken off": mjpeg([SHADE] * 3),
        "has sent no picture for 2 s": mjpeg([SHADE] * 3, then=silent),
        "sends no video": answering("video/mp2t", [sound()], then=silent),
        "sends pictures of more than": answering("video/mp2t", [multiplexed(claiming(8192, 16384))], then=silent),
    }


def test_each_is_told_with_what_is_tried_next_and_touches_no_other(
    log: FrameLog, caplog: pytest.LogCaptureFixture
) -> None:
    serves = bad()
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(tcp_server(serve)) for serve in serves.values()]
        words = {f"bad-{number}": said for number, said in enumerate(serves)}
        sources: list[Source] = [
            camera(f"http://127.0.0.1:{port}/x", name, open_s=3.0) for name, port in zip(words, ports, strict=True)
        ]
        good = ShapesSource.parse("testsrc", "size=64x48&rate=25", stream="good", quality=80)
        roster = stack.enter_context(following(log, good, *sources))

        for name, said in words.items():
            until(lambda name=name, said=said: _said(caplog, name, said), f"{said!r} of {name}")  # type: ignore[misc]
            found = roster.wait_for(name, lambda status: status.phase == "retrying", 60)
            assert found.error
            assert "\n" not in found.error
            assert found.health.next_try_us > 0
        before = roster.statuses()["good"].acked
        roster.wait_for("good", lambda status: status.acked > before + 25, 60)
        assert roster.statuses()["good"].phase == "running"
    report = audit(log, rows_only=True)
    assert (report.missing, report.out_of_order) == (report.frames, 0), "only events are missing"


def _said(caplog: pytest.LogCaptureFixture, stream: str, said: str) -> bool:
    """Return whether a line names the stream, what is wrong, and what is tried next."""
    return any(
        text.startswith(f"stream {stream}: ") and said in text and "next try in" in text for text in caplog.messages
    )


def test_a_real_server_with_sound_alone_says_so(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(2 * 44_100 * 20))
    with RtspServer({"/cam": tmp_path / "sound.wav"}) as server:
        source = LiveVideo(Address.parse(server.url("/cam")), stream="cam", open_s=30.0)
        assert "sends no video" in why(source)


@pytest.mark.parametrize("name", ["clip.mp4", "sold.mp4"])
def test_a_recording_that_cannot_be_read_fails_and_is_not_tried_again(tmp_path: Path, name: str) -> None:
    film = write_film(tmp_path / "clip.mp4", 50, params=SECOND)
    encrypted(film, tmp_path / "sold.mp4")
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/{name}")
        if name == "clip.mp4":
            assert len(pictures(source)) == 50
        else:
            with pytest.raises(SourceError, match="encrypted") as failure:
                pictures(source)
            assert not isinstance(failure.value, SourceAwayError)


# ---------------------------------------------------------------- stalls


def test_an_rtsp_server_that_stalls_in_any_state_is_away(log: FrameLog, tmp_path: Path) -> None:
    """It stalls in the middle of its first answer, between answers, and in a picture: after so many bytes nothing comes."""
    film = write_film(tmp_path / "clip.mp4", 1000, params=SECOND)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(RtspServer({"/cam": film}))
        limits = {f"cam-{most}": most for most in (0, 150, 800, 2000, 5000)}
        ports = {name: stack.enter_context(tcp_server(up_to(server.port, most))) for name, most in limits.items()}
        stalling = [camera(f"rtsp://127.0.0.1:{port}/cam", name, open_s=3.0) for name, port in ports.items()]
        roster = stack.enter_context(following(log, camera(server.url("/cam"), "good"), *stalling))
        for name in limits:
            found = roster.wait_for(name, lambda status: status.phase == "retrying", 60)
            assert "has not answered" in found.error or "has sent no picture" in found.error, found.error
        before = roster.statuses()["good"].acked
        roster.wait_for("good", lambda status: status.acked > before + 25, 60)


# ---------------------------------------------------------------- floods


def test_a_camera_that_floods_is_held_back_and_what_finds_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes its pictures for a while. What waits has a bound, and an epoch begins behind what was left out."""
    picture, sent = (
        _core.encode_jpeg(np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)),
        threading.Event(),
    )
    stop = threading.Event()
    monkeypatch.setattr(reader, "QUEUE_BYTES", 10 * len(picture))
    monkeypatch.setattr(reader, "PATIENCE_S", 0.1)
    with tcp_server(flood(picture, sent, after=200)) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        follow = source.follow(stop.is_set)
        found = [next(follow)]
        until(sent.is_set, "a flood", 60)
        for picture_ in follow:
            found.append(picture_)
            if picture_.begins:
                break
        stop.set()
        assert next(follow, None) is None
    assert [each.begins for each in found] == [True, *[False] * (len(found) - 2), True]
    assert 1 <= len(found) - 2 <= 10
    [lost] = [left.count for left in source.left_out if left.reason == reader.TOO_SLOW]
    assert lost > 100


# ---------------------------------------------------------------- lies


def test_a_camera_that_changes_its_size_all_the_time_is_left_alone_for_a_while() -> None:
    sizes = itertools.islice(itertools.cycle([(64, 48), (32, 32)]), 40)
    with tcp_server(mjpeg([jpeg(*size) for size in sizes], then=silent)) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        found: list[Picture] = []
        with pytest.raises(SourceAwayError, match=f"has changed its size or rate {MOST_CHANGES} times") as failure:
            found.extend(source.follow(lambda: False))
    assert failure.value.patient
    assert sum(left.count for left in source.left_out if left.reason == TOO_OFTEN) == 1


def test_time_stamps_that_jump_by_hours_put_no_picture_before_another(tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.mp4", 10, params=SECOND)
    units = [picture.payload for picture in PassedVideo(film, stream="s").pictures()]
    parts = [multiplexed(units, begin_s=hours * 3600) for hours in (20, 2, 12)]
    with tcp_server(answering("video/mp2t", parts)) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        found: list[Picture] = []
        with pytest.raises(SourceAwayError, match="has broken off"):
            found.extend(source.follow(lambda: False))
    assert len(found) == 10 * len(parts)
    assert [picture.begins for picture in found].count(True) == 1
    times = [picture.captured_us or 0 for picture in found]
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] - times[0] < 600_000_000, "it has not taken hours"


def test_a_picture_whose_size_cannot_be_read_begins_no_epoch() -> None:
    broken = SHADE[:3] + b"\xe0\xff\xff" + SHADE[6:]
    with tcp_server(mjpeg([SHADE, broken, SHADE, broken, broken, SHADE])) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        found: list[Picture] = []
        with pytest.raises(SourceAwayError, match="has broken off"):
            found.extend(source.follow(lambda: False))
    assert [(picture.width, picture.begins) for picture in found] == [
        (64, True),
        (0, False),
        (64, False),
        (0, False),
        (0, False),
        (64, False),
    ]


@pytest.mark.parametrize("size", [(8192, 16384), (16384, 16384)])
def test_the_claim_of_a_huge_picture_takes_no_memory(size: tuple[int, int]) -> None:
    """It would be hundreds of MB, once for what looks at the stream first and once for each picture. Of the larger one FFmpeg says
    no size at all; its pictures fail in the worker."""
    with tcp_server(answering("video/mp2t", [multiplexed(claiming(*size))])) as port:
        before, source = _peak_kib(), camera(f"http://127.0.0.1:{port}/video")
        with pytest.raises(SourceAwayError):
            pictures(source)
        assert _peak_kib() - before < 100 << 10
    assert source.facts.width == 0


def _peak_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize("codec", ["auto", "jpeg"])
def test_what_a_decoder_holds_back_comes_out_at_the_end(tmp_path: Path, codec: Codec) -> None:
    write_film(tmp_path / "clip.mp4", 30, params="keyint=10:min-keyint=10:scenecut=0", bframes=3)
    with file_server(tmp_path) as port:
        found = pictures(camera(f"http://127.0.0.1:{port}/clip.mp4", codec=codec))
    assert len(found) == 30
    due = [picture.due_us or 0 for picture in found]
    assert due == sorted(due)


def test_films_that_cannot_be_read_are_named_and_the_exit_status_is_1(house: House) -> None:
    """The film beside them is in the log."""
    films = {name: house.path / f"{name}.mp4" for name in ("good", "sold", "cut", "noise", "sound")}
    write_film(films["good"], 30, params=SECOND)
    encrypted(films["good"], films["sold"])
    films["cut"].write_bytes(films["good"].read_bytes()[:500])
    films["noise"].write_bytes(GARBAGE * 64)
    films["sound"].write_bytes(sound())
    done = house.framehop("ingest", *films.values(), "--log", house.log, "--rate", "max", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = {
        "sold": "is encrypted (DRM)",
        "cut": "as video",
        "noise": "as video",
        "sound": "has no video stream",
    }
    for name, why_ in said.items():
        assert [f"{name}.mp4" in line for line in done.stderr.splitlines() if why_ in line].count(True) == 1, name
    summary = json.loads(done.stdout)
    assert summary["streams"]["good"]["frames"] == 30
    assert set(summary["unopened"]) | {name for name, of in summary["streams"].items() if of["error"]} == set(said)
