"""Films passed through: access units as frames, each with its own time, and the same on every reading."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from framehop import _core
from framehop.errors import ConfigError, SourceError
from framehop.protocols import Picture
from framehop.sources import SourceOptions, parse_source
from framehop.sources.container import dates_packets, open_video
from framehop.sources.passthrough import PassedVideo
from framehop.sources.video import VideoSource
from tests.clips import SIZE, remuxed, turned, write_film
from tests.films import CLOSED, OPEN

needs_decoder = pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")


def passed(path: Path, *, start: int = 0) -> list[Picture]:
    return list(PassedVideo(path, stream="s").pictures(start))


def on_screen(pictures: Sequence[Picture]) -> list[int]:
    """The times of the pictures from the first one shown, in order."""
    first = min(picture.media_us for picture in pictures)
    return sorted(picture.media_us - first for picture in pictures)


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv", "film.ts", "film.flv", "film.avi"])
@pytest.mark.parametrize(("params", "bframes"), [(CLOSED, 0), (CLOSED, 3), (OPEN, 3)])
def test_units_have_the_times_of_their_pictures(tmp_path: Path, name: str, params: str, bframes: int) -> None:
    pictures = passed(write_film(tmp_path / name, 24, params=params, bframes=bframes))
    times = on_screen(pictures)
    assert len(times) == 24
    assert all(abs(time - k * 40_000) <= 1000 for k, time in enumerate(times))  # Matroska counts milliseconds
    due = [picture.due_us or 0 for picture in pictures]
    assert due == sorted(set(due))
    assert all(picture.media_us <= (picture.due_us or 0) for picture in pictures)
    assert {(picture.width, picture.height, picture.content_type) for picture in pictures} == {(*SIZE, "video/h264")}
    assert not any(picture.error for picture in pictures)


@pytest.mark.parametrize(("codec", "kind"), [("libx264", "h264"), ("libx265", "h265")])
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_decoding_can_begin_at_every_key_frame(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    params = "keyint=10:min-keyint=10:scenecut=0"
    pictures = passed(write_film(tmp_path / name, 30, codec=codec, params=params, bframes=2))
    keys = [seq for seq, picture in enumerate(pictures) if picture.keyframe]
    assert keys[0] == 0
    assert len(keys) >= 3
    assert {picture.content_type for picture in pictures} == {f"video/{kind}"}
    for seq, picture in enumerate(pictures):
        facts = _core.read_access_unit(kind, picture.payload)  # type: ignore[arg-type]
        assert facts.has_picture
        assert facts.keyframe == picture.keyframe == (seq in keys)
        assert facts.parameter_sets or not facts.keyframe


@pytest.mark.parametrize("start", [1, 9, 10, 17, 23, 24])
def test_the_same_seq_is_the_same_unit_on_resume(tmp_path: Path, start: int) -> None:
    path = write_film(tmp_path / "film.mp4", 24, params=OPEN, bframes=3)
    assert passed(path, start=start) == passed(path)[start:]


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv", "film.ts", "film.flv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_only_a_file_that_dates_its_packets_is_read_without_decoding(tmp_path: Path, name: str, codec: str) -> None:
    params = OPEN if codec == "libx264" else "keyint=10:min-keyint=10:scenecut=0"
    path = write_film(tmp_path / name, 24, codec=codec, params=params, bframes=3)
    with open_video(path) as whole, open_video(path, only_packets=True) as bare:
        assert dates_packets(whole) == (path.suffix in {".mp4", ".mov"})
        if dates_packets(whole):
            if codec == "libx264":  # an H.265 decoder knows it by the parameter sets
                assert bare.streams.video[0].codec_context.pix_fmt is None
            packets = [[(each.pts, each.dts, bytes(each)) for each in film.demux(video=0)] for film in (whole, bare)]
            assert packets[0] == packets[1]


def test_a_film_that_lies_on_its_side_says_so_and_has_the_upright_size(tmp_path: Path) -> None:
    upright, lying = write_film(tmp_path / "film.mp4", 3), tmp_path / "lying.mp4"
    remuxed(upright, lying)
    data = bytearray(lying.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the matrix of the track, 16.16: a quarter turn
    data[at : at + 36] = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    )
    lying.write_bytes(data)
    [first, *_] = passed(lying)
    assert (first.width, first.height) == SIZE[::-1]
    assert first.content_type == "video/h264;orientation=6"
    [jpeg, *_] = VideoSource(lying, stream="s").pictures()
    assert (jpeg.width, jpeg.height) == SIZE[::-1]


def test_a_film_that_breaks_off_gives_what_it_has_and_counts_the_rest(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 40)
    whole = remuxed(path, tmp_path / "fast.mp4", movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    source_ = PassedVideo(tmp_path / "cut.mp4", stream="s")
    pictures = list(source_.pictures())
    assert 0 < len(pictures) < 40
    assert [picture.payload for picture in pictures[:-1]] == [
        each.payload for each in passed(path)[: len(pictures) - 1]
    ]
    [left] = source_.left_out
    assert left.count == 40 - len(pictures)


def test_a_damaged_packet_is_a_frame_without_a_picture(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 12)
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4 + sum(sizes[:5])
    data[at : at + 4] = b"\xff\xff\xff\x7f"  # the length of its first unit
    path.write_bytes(data)
    pictures = passed(path)
    assert len(pictures) == 12
    assert [bool(picture.error) for picture in pictures] == [seq == 5 for seq in range(12)]
    assert pictures[5].error.startswith("corrupt_picture: film.mp4: ")


@pytest.mark.parametrize(
    ("name", "codec", "why"),
    [
        ("film.h264", "libx264", "no time stamps"),
        ("mpeg4.mp4", "mpeg4", "encoded with mpeg4"),
        ("av1.mkv", "libsvtav1", "encoded with av1"),
    ],
)
@needs_decoder
def test_what_cannot_be_passed_is_named_or_becomes_jpegs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str, why: str
) -> None:
    path = str(write_film(tmp_path / name, 5, codec=codec))
    with pytest.raises(SourceError, match=why):
        parse_source(path, SourceOptions(codec="copy"))
    source = parse_source(path, SourceOptions(codec="auto"))
    assert isinstance(source, VideoSource)
    assert len([*source.pictures(), *source.pictures()]) == 10
    assert [why in line for line in caplog.messages] == [True], "it is said once"


@needs_decoder
def test_a_film_with_a_broken_description_is_refused_or_counted_packet_by_packet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its parameter sets claim to be longer than they are, so nothing can be decoded; nothing is left out without a word."""
    path = write_film(tmp_path / "film.mp4", 12)
    data = bytearray(path.read_bytes())
    at = data.index(b"avcC") + 4 + 6  # the length of the first sequence parameter set
    data[at : at + 2] = b"\xff\xff"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="cannot go into the log as it is: Invalid data"):
        parse_source(str(path), SourceOptions(codec="copy"))
    source = parse_source(str(path), SourceOptions(codec="auto"))
    assert isinstance(source, VideoSource)
    assert list(source.pictures()) == []
    assert [(left.count, left.reason) for left in source.left_out] == [(12, "a packet that cannot be decoded")]
    assert "stream film: decoded and encoded to JPEG" in caplog.text


@needs_decoder
def test_the_codec_is_the_users_choice(tmp_path: Path) -> None:
    path = str(write_film(tmp_path / "film.mp4", 3))
    kinds = {codec: type(parse_source(path, SourceOptions(codec=codec))) for codec in ("auto", "copy", "jpeg")}
    assert kinds == {"auto": PassedVideo, "copy": PassedVideo, "jpeg": VideoSource}
    assert isinstance(parse_source(path), PassedVideo), "by default as it is"
    with pytest.raises(ConfigError, match="use auto, copy or jpeg"):
        SourceOptions(codec="h264")  # type: ignore[arg-type]


def test_without_a_decoder_nothing_is_passed_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "VIDEO", False)
    path = str(write_film(tmp_path / "film.mp4", 3))
    assert isinstance(parse_source(path, SourceOptions(codec="auto")), VideoSource)
    with pytest.raises(SourceError, match="does not decode"):
        parse_source(path, SourceOptions(codec="copy"))


def test_the_pass_of_one_codec_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 3)
    assert PassedVideo(path, stream="s").uri != VideoSource(path, stream="s").uri


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_film_that_was_opened_leaves_no_picture_behind(tmp_path: Path, no_collector: None) -> None:
    film = turned(write_film(tmp_path / "turned.mp4", 10, params=CLOSED), 90)
    assert PassedVideo(film, stream="s").content_type == "video/h264;orientation=6"
    left = [each for each in gc.get_objects() if isinstance(each, VideoFrame)]
    assert all(frame.width < SIZE[0] for frame in left), left
