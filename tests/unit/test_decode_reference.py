"""The picture of each access unit is the one that another decoder finds in that very unit, whatever the film is like."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from framehop import _core
from framehop.content import VideoCodec
from framehop.sources.passthrough import PassedVideo
from tests.encoded_films import COUNT, H264, H265, KEYS, Kind, Pixels, encoder_options, textured, write

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


VARIABLE = tuple(np.cumsum([4 if k % 5 else 37 for k in range(COUNT)]).tolist())
JUMPS = tuple(4 * k + (360_000 if k >= 12 else 0) for k in range(COUNT))

KINDS = {
    "closed groups": Kind(bframes=3),
    "open groups": Kind(params=f"{KEYS}:open-gop=1", bframes=3),
    "pyramid": Kind(params=f"{KEYS}:b-pyramid=normal:ref=4", bframes=3),
    "intra refresh": Kind(params="keyint=10:min-keyint=10:scenecut=0:intra-refresh=1"),
    "many slices": Kind(params=f"{KEYS}:slices=4", bframes=2),
    "interlaced": Kind(params=f"{KEYS}:tff=1", flags="+ildct+ilme"),
    "interlaced with B-frames": Kind(params=f"{KEYS}:bff=1:open-gop=1", flags="+ildct+ilme", bframes=2),
    "full range": Kind(params=f"{KEYS}:fullrange=on", pix_fmt="yuvj420p"),
    "4:2:2": Kind(pix_fmt="yuv422p", bframes=2),
    "4:4:4": Kind(pix_fmt="yuv444p"),
    "10 bit": Kind(codec=H265, params="keyint=10:min-keyint=10", pix_fmt="yuv420p10le", bframes=3),
    "H.265": Kind(codec=H265, params="keyint=10:min-keyint=10", bframes=3),
    "H.265, open groups": Kind(codec=H265, params="keyint=10:min-keyint=10:open-gop=1", bframes=3),
    "H.265, full range": Kind(codec=H265, params="keyint=10:min-keyint=10:range=full", pix_fmt="yuvj420p"),
    "variable rate": Kind(pts=VARIABLE, bframes=3),
    "variable rate in Matroska": Kind(pts=VARIABLE, bframes=3, suffix="mkv"),
    "times that jump": Kind(pts=JUMPS, bframes=2, suffix="mkv"),
    "a transport stream": Kind(params=f"{KEYS}:open-gop=1", bframes=3, suffix="ts"),
}


def reference(path: Path) -> list[Pixels]:
    """The picture of each packet, in the order of the file, as PyAV decodes it."""
    with av.open(str(path)) as container:
        order = [packet.pts for packet in container.demux(video=0) if packet.size]
    with av.open(str(path)) as container:
        found = {frame.pts: frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)}
    return [np.asarray(found[pts], np.uint8) for pts in order]


def decoded(path: Path) -> list[Pixels]:
    """The picture of each access unit that goes into the log, as a worker decodes it."""
    units = list(PassedVideo(path, stream="s").pictures())
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h265" if "265" in units[0].content_type else "h264")
    outcomes: list[_core.VideoOutcome] = []
    for key, unit in enumerate(units):
        outcomes += pool.decode([(decoder, [(key, unit.media_us, memoryview(unit.payload))])])[0]
    outcomes += decoder.take_held()
    by_key = {outcome.key: outcome for outcome in outcomes}
    assert sorted(by_key) == list(range(len(units)))
    pictures = [by_key[key].picture for key in range(len(units))]
    assert None not in pictures, [outcome.message for outcome in outcomes if outcome.picture is None]
    return [picture.rgb() for picture in pictures if picture is not None]


def assert_same(ours: Sequence[Pixels], theirs: Sequence[Pixels], *, interlaced: bool = False) -> None:
    """Two versions of libswscale round differently; neighbours differ by far more. `interlaced`: the newer one takes the colours of
    each field from its own lines, so that only the brightness can be compared."""
    assert len(ours) == len(theirs)
    weights = np.array([[0.299], [0.587], [0.114]]) if interlaced else np.eye(3)
    for seq, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine.shape == other.shape, seq
        differs = np.abs((mine.astype(float) - other) @ weights)
        assert differs.mean() < 2.0, seq
        assert np.percentile(differs, 99) <= 8, seq


@pytest.mark.parametrize("name", KINDS)
def test_each_access_unit_gives_the_picture_that_another_decoder_finds(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / f"film.{KINDS[name].suffix}", KINDS[name])
    theirs = reference(path)
    assert len(theirs) == COUNT
    assert np.abs(theirs[3].astype(int) - theirs[4].astype(int)).mean() > 10, "neighbours could be mistaken"
    assert_same(decoded(path), theirs, interlaced="interlaced" in name)


# Messages that ask players to add grain to the pictures from here on: additive, for the brightness alone, of strength 40
# everywhere (ITU-T H.264 and H.265, D.1: film grain characteristics).
GRAIN: dict[VideoCodec, bytes] = {
    "h264": bytes.fromhex("00000001 06 13 07 00a00000ff0282 80"),
    "h265": bytes.fromhex("00000001 4e01 13 07 00a00000ff0286 80"),
}


@pytest.mark.parametrize("codec", [H264, H265])
def test_pictures_to_which_players_add_grain_are_their_own_without_it(tmp_path: Path, codec: str) -> None:
    """libavcodec gives such pictures a second memory, unless it is told to leave the grain to others."""
    name: VideoCodec = "h264" if codec == H264 else "h265"
    path = write(tmp_path / "film.mp4", Kind(codec=codec, params="keyint=10:min-keyint=10", bframes=2))
    units = [picture.payload for picture in PassedVideo(path, stream="s").pictures()]
    plain, grainy = (_stalling(name, [before + unit for unit in units]) for before in (b"", GRAIN[name]))
    assert len(plain) == len(grainy) == COUNT
    for seq, (mine, other) in enumerate(zip(grainy, plain, strict=True)):
        assert np.array_equal(mine, other), seq


def _stalling(codec: VideoCodec, units: Sequence[bytes]) -> list[Pixels]:
    """Return the pictures of a stream that stalls behind each unit, so that all come from the decoder's own memory."""
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder(codec)
    found: list[Pixels] = []
    for key, unit in enumerate(units):
        outcomes = [*pool.decode([(decoder, [(key, key, memoryview(unit))])])[0], *decoder.take_held()]
        for outcome in outcomes:
            assert outcome.picture is not None, outcome.message
            found.append(outcome.picture.rgb())
    return found


def _encoder(size: tuple[int, int]) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    context.options = encoder_options(Kind(bframes=2))
    return context


def test_a_size_that_changes_in_mid_stream(tmp_path: Path) -> None:
    """A camera that is set to another resolution does this: within one epoch each picture has its own size."""
    path = tmp_path / "film.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for part, size in enumerate([(192, 128), (128, 96), (192, 128)]):
            encoder = _encoder(size)
            frames = [av.VideoFrame.from_ndarray(textured(k, size), format="rgb24") for k in range(12)]
            for k, frame in enumerate(frames):
                frame.pts, frame.time_base = k, Fraction(1, 25)
            for packet in [each for frame in [*frames, None] for each in encoder.encode(frame)]:
                packet.stream = stream
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts = packet.pts + 12 * part + 4, packet.dts + 12 * part + 4
                packet.time_base = Fraction(1, 25)
                container.mux(packet)
    ours = decoded(path)
    assert {picture.shape for picture in ours} == {(128, 192, 3), (96, 128, 3)}
    assert_same(ours, reference(path))
