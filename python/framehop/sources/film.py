"""Opens a film, whose pictures go into the log as access units or as JPEGs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from framehop import _core
from framehop.errors import ConfigError
from framehop.protocols import Source

Codec = Literal["auto", "copy", "jpeg"]

# To encode costs a core for a few streams and ten times the bytes.
DEFAULT_CODEC: Codec = "auto"

NO_DECODER = "this build of framehop does not decode H.264 and H.265 (see `framehop doctor`)"


def check_codec(text: str) -> Codec:
    """Return `text` if it is a Codec, else raise ConfigError."""
    if text not in get_args(Codec):
        raise ConfigError(f"codec {text[:40]!r} is not known; use auto, copy or jpeg")
    return cast(Codec, text)


def open_film(path: Path, *, stream: str, codec: Codec, quality: int, threads: int) -> Source:
    """Open a film. `auto`: as it is where that can be, else decoded and encoded to JPEG. `copy`: as it is, or SourceError says why
    that cannot be. `jpeg`: as JPEGs, which those of Motion JPEG are already. Raises SourceError, MissingExtraError."""
    from framehop.sources.jpeg_film import JpegFilm, holds_jpegs
    from framehop.sources.video import VideoSource

    if holds_jpegs(path):
        return JpegFilm(path, stream=stream)
    if codec == "jpeg":
        return VideoSource(path, stream=stream, quality=quality, threads=threads)
    from framehop.sources.film_look import NotPassableError
    from framehop.sources.passthrough import PassedVideo

    try:
        passed = PassedVideo(path, stream=stream)
        if _core.VIDEO:
            return passed
        why = NO_DECODER
    except NotPassableError as error:
        why = error.why
    if codec == "copy":
        raise NotPassableError(path, why)
    return VideoSource(path, stream=stream, quality=quality, threads=threads, why_encoded=why)
