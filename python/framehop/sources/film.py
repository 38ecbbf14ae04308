"""Opens a film, whose pictures go into the log as access units or as JPEGs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from framehop import _core
from framehop.errors import ConfigError, SourceError
from framehop.protocols import Source

Codec = Literal["default", "auto", "copy", "jpeg"]

# JPEGs for films: whoever reads the log may be a program that knows no video. As it comes for cameras, of which there are many.
DEFAULT_CODEC: Codec = "default"

NO_DECODER = "this build of framehop does not decode H.264 and H.265 (see `framehop doctor`); use --codec jpeg"


def check_codec(text: str) -> Codec:
    """Return `text` if it is a Codec, else raise ConfigError."""
    if text not in get_args(Codec):
        raise ConfigError(f"codec {text[:40]!r} is not known; use auto, copy or jpeg")
    return cast(Codec, text)


def open_film(path: Path, *, stream: str, codec: Codec, quality: int, threads: int) -> Source:
    """Open a film. `copy`: as it is, or SourceError says why that cannot be. `jpeg`, `default`: decoded and encoded to JPEG.
    `auto`: as it is where that can be. Raises SourceError, MissingExtraError."""
    if codec in {"auto", "copy"} and (passed := _passed(path, stream, codec)) is not None:
        return passed
    from framehop.sources.video import VideoSource

    return VideoSource(path, stream=stream, quality=quality, threads=threads)


def _passed(path: Path, stream: str, codec: Codec) -> Source | None:
    from framehop.sources.passthrough import PassedVideo, obstacle

    why = obstacle(path) if _core.VIDEO else NO_DECODER
    if not why:
        return PassedVideo(path, stream=stream)
    if codec == "copy":
        raise SourceError(f"{path} cannot go into the log as it is: {why}")
    return None
