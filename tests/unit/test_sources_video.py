"""Video files: every picture once, on its own timeline, upright, and hostile files refused."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from framehop._core import decode_jpeg
from framehop.errors import MissingExtraError, SourceError
from framehop.protocols import Picture
from framehop.sources import SourceOptions, expand, open_specs, parse_source
from framehop.sources.container import Timeline, open_video
from framehop.sources.video import VideoSource

SIZE = (64, 48)


def _clip(path: Path, *, stamps: Sequence[int] = range(12)) -> Path:
    """Pictures that get brighter from left to right and from one to the next, stamped in 25ths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for seq, stamp in enumerate(stamps):
            pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
            pixels[:] = np.linspace(0, 100, SIZE[0], dtype=np.uint8)[None, :, None] + seq * 10
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _brightness(picture: Picture) -> float:
    return float(decode_jpeg(picture.payload).mean())


def test_every_picture_in_order_with_its_time(tmp_path: Path) -> None:
    source = parse_source(str(_clip(tmp_path / "clip.mp4")))
    pictures = list(source.pictures())
    assert (source.stream, source.rate, source.finite, source.count) == ("clip", 25.0, True, 12)
    assert [picture.media_us for picture in pictures] == [seq * 40_000 for seq in range(12)]
    assert {(picture.width, picture.height) for picture in pictures} == {SIZE}
    assert [_brightness(picture) for picture in pictures] == pytest.approx([50 + seq * 10 for seq in range(12)], abs=4)


@pytest.mark.parametrize("start", [1, 5, 11, 12])
def test_the_same_seq_is_the_same_picture_on_resume(tmp_path: Path, start: int) -> None:
    path = str(_clip(tmp_path / "clip.mp4"))
    assert list(parse_source(path).pictures(start)) == list(parse_source(path).pictures())[start:]


def test_uneven_time_stamps_are_kept(tmp_path: Path) -> None:
    path = _clip(tmp_path / "clip.mkv", stamps=[0, 1, 2, 10, 11])
    times = [picture.media_us for picture in parse_source(str(path)).pictures()]
    assert times == [0, 40_000, 80_000, 400_000, 440_000]


def test_a_timeline_always_moves_on() -> None:
    timeline = Timeline(Fraction(1, 1000), 40_000)
    places = [timeline.place(pts) for pts in (5000, 5100, 5100, 0, 100, None, 200, 2**62, 2**62 + 30)]
    assert places == [0, 100_000, 140_000, 180_000, 280_000, 320_000, 360_000, 400_000, 430_000]


def test_quality_and_the_identity_of_the_source(tmp_path: Path) -> None:
    path = str(_clip(tmp_path / "clip.mp4"))
    fine, coarse = (parse_source(path, SourceOptions(quality=quality)) for quality in (95, 20))
    assert len(next(iter(fine.pictures())).payload) > len(next(iter(coarse.pictures())).payload)
    assert fine.uri != coarse.uri


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_clip_stored_on_its_side_comes_upright(tmp_path: Path, turn: int) -> None:
    """`turn`: degrees clockwise to show it, as a phone writes into the track header."""
    path = _clip(tmp_path / "clip.mp4")
    flat = decode_jpeg(next(iter(parse_source(str(path)).pictures())).payload)
    _set_rotation(path, turn)
    picture = next(iter(parse_source(str(path)).pictures()))
    upright = np.rot90(flat, -turn // 90)
    assert (picture.height, picture.width) == upright.shape[:2]
    assert np.abs(decode_jpeg(picture.payload).astype(int) - upright).mean() < 3


def _set_rotation(path: Path, turn: int) -> None:
    data = bytearray(path.read_bytes())
    matrix_at = data.index(b"tkhd") + 4 + 40  # version 0: flags, times, id, duration, reserved, layer, volume
    one, zero, minus, last = (number.to_bytes(4, "big", signed=True) for number in (1 << 16, 0, -(1 << 16), 1 << 30))
    rows = {90: (zero, one, minus, zero), 180: (minus, zero, zero, minus), 270: (zero, minus, one, zero)}[turn]
    data[matrix_at : matrix_at + 36] = b"".join([rows[0], rows[1], zero, rows[2], rows[3], zero, zero, zero, last])
    path.write_bytes(data)


def test_a_packet_that_cannot_be_decoded_is_left_out_every_time(tmp_path: Path) -> None:
    path = _clip(tmp_path / "clip.avi")
    data = path.read_bytes()
    sixth = data.split(b"00dc")[6]  # AVI's chunks: the parts after each name, four bytes of length first
    path.write_bytes(data.replace(sixth, sixth[:4] + bytes(len(sixth) - 4)))
    source = VideoSource(path, stream="clip")
    first = list(source.pictures())
    assert len(first) == 11
    assert [str(left) for left in source.left_out] == ["1 a packet that cannot be decoded (clip.avi)"]
    assert list(parse_source(str(path)).pictures(7)) == first[7:]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    for name, content in (("notes.txt", b"hello " * 1000), ("empty.mp4", b""), ("random.mkv", bytes(range(256)) * 64)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=rf"cannot open .*{name} as video.*\n?.*understood"):
            parse_source(str(tmp_path / name))


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Whoever opened it would wait for its other end, and every source behind it too."""
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(SourceError, match=r"clip.mp4 is not a regular file"):
        parse_source(str(tmp_path / "clip.mp4"))


def test_a_film_that_cannot_be_reached_is_refused_in_words(tmp_path: Path) -> None:
    """Its folder may have lost its rights since it was opened."""
    with pytest.raises(SourceError, match="as video: File name too long"):
        open_video(tmp_path / f"{'a' * 256}.mp4")


def test_the_name_of_a_film_that_cannot_be_opened_is_shown_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31mb.mp4").write_bytes(b"hello")
    with pytest.raises(SourceError, match=r"a\\n\\x1b\[31mb.mp4 as video"):
        parse_source(str(tmp_path / "a\n\x1b[31mb.mp4"))


def test_a_playlist_that_names_other_files_is_refused(tmp_path: Path) -> None:
    clip = _clip(tmp_path / "clip.mp4")
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n")
    for name in ("list.ffconcat", "list.m3u8"):
        with pytest.raises(SourceError, match="cannot open"):
            parse_source(str(tmp_path / name))


def test_a_file_with_sound_only_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="has no video stream"):
        parse_source(str(path))


def test_a_file_that_claims_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = _clip(tmp_path / "clip.mp4")
    with pytest.raises(SourceError, match="more than 1000 pixels"):
        VideoSource(path, stream="s", max_pixels=1000)


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _clip(tmp_path / "clip.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    for name in ("video", "container"):
        monkeypatch.delitem(sys.modules, f"framehop.sources.{name}")
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[video\]'"):
        parse_source(str(path))


def test_a_film_starts_no_threads_and_leaves_no_frames_to_the_garbage_collector(tmp_path: Path) -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    source = VideoSource(_clip(tmp_path / "clip.mp4"), stream="clip")
    gc.collect()
    gc.disable()
    try:
        before, size = threads(), sys.getallocatedblocks()
        for _ in range(5):
            assert len(list(source.pictures())) == 12
        assert threads() <= before
        per_frame = (sys.getallocatedblocks() - size) / 60
        assert per_frame < 2, "something is kept of every frame"
    finally:
        gc.enable()


def test_a_file_that_claims_more_than_all_memory_is_at_fault_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory", "x")

    clip = _clip(tmp_path / "clip.mp4")
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(SourceError, match=r"cannot open .*clip\.mp4 as video"):
        VideoSource(clip, stream="clip")
    opened = open_specs(expand(["good=testsrc:?count=1", str(clip)]))
    assert ([source.stream for source in opened.sources], list(opened.failures)) == (["good"], ["clip"])
    monkeypatch.setattr("framehop.sources.container._ROOM", 1 << 60)  # there is truly none left
    with pytest.raises(MemoryError):
        VideoSource(clip, stream="clip")


@pytest.mark.parametrize("name", ["std::bad_alloc.mp4", "Failed to allocate memory.mp4", "Cannot allocate memory.jpg"])
def test_the_name_of_a_broken_file_is_no_lack_of_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"neither")
    opened = open_specs(expand(["good=testsrc:?count=1", str(tmp_path / name)]))
    assert "good" in [source.stream for source in opened.sources]
