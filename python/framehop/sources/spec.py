"""Turn what a user writes, `[NAME=]SOURCE`, into sources."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from framehop.errors import ConfigError, FramehopError, SourceError
from framehop.protocols import Source
from framehop.sources.address import Address, is_address, without_secrets
from framehop.sources.film import DEFAULT_CODEC, Codec, check_codec, open_film
from framehop.sources.folder import UNREAD, is_unread, is_video
from framehop.sources.identity import legal_stream, shown, whole
from framehop.sources.images import ImageSource
from framehop.sources.raster import is_animation, is_picture
from framehop.sources.understood import UNDERSTOOD

_NAMED = re.compile(r"([A-Za-z0-9._-]{1,128})=(.+)", re.DOTALL)
STALL_S = 10.0
PICTURES = "pictures:"  # the pictures of a folder, without its videos
_MADE = re.compile(r"pan:|pictures:|testsrc(?=[:?]|$)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Options for all sources. `quality`: of JPEGs encoded here, 1 to 100. `folder_rate`: pictures per second of a folder.
    `video_threads`: FFmpeg's decoder threads per video file, 0 for FFmpeg's own choice. `codec`: how films go into the log, see
    `open_film`. `stall_s`: a camera that sends no picture for so long has broken off."""

    quality: int = 85
    folder_rate: float = 10.0
    video_threads: int = 1
    codec: Codec = DEFAULT_CODEC
    stall_s: float = STALL_S

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality} is out of range; use 1 to 100")
        if not 0.001 <= self.folder_rate <= 1000:
            raise ConfigError(f"folder_rate {self.folder_rate} is out of range; use 0.001 to 1000 pictures per second")
        if not 0 <= self.video_threads <= 64:
            raise ConfigError(f"video_threads {self.video_threads} is out of range; use 0 to 64")
        check_stall(self.stall_s)
        check_codec(self.codec)


def check_stall(stall_s: float) -> None:
    """Raise ConfigError for a time that no camera may be silent."""
    if not 0.1 <= stall_s <= 3600:
        raise ConfigError(f"stall_s {stall_s} is out of range; use 0.1 to 3600 seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source by name, not yet opened: plain data for another process. `stream` empty: the source's own id."""

    source: str
    stream: str = ""

    def __repr__(self) -> str:
        return f"SourceSpec(source={self.shown!r}, stream={self.stream!r})"

    @classmethod
    def parse(cls, text: str) -> SourceSpec:
        """Parse `NAME=SOURCE` or `SOURCE`. The path of an existing file is never split, whatever characters it has."""
        named = None if exists(text) else _NAMED.fullmatch(text)
        return cls(source=named[2], stream=named[1]) if named else cls(source=text)

    @property
    def is_synthetic(self) -> bool:
        """Whether the source is no plain path, but made from one or from nothing."""
        return bool(_MADE.match(self.source)) and not exists(self.source)

    @property
    def is_live(self) -> bool:
        """Whether the source is a camera, or anything else behind a URL."""
        return is_address(self.source)

    @property
    def is_endless(self) -> bool:
        """Whether the source is made here and has no end; False also where it cannot be made now."""
        try:
            return self.is_synthetic and not self.open().finite
        except FramehopError:
            return False

    @property
    def shown(self) -> str:
        """The source for people, without passwords."""
        return without_secrets(self.source)

    @property
    def name(self) -> str:
        """The stream's name unless the user gives one; not always legal. Raises SourceError for an address that is none."""
        if self.is_live:
            return Address.parse(self.source).name
        if self.is_synthetic and self.source.startswith("testsrc"):
            return "testsrc"
        if self.is_synthetic and self.source.startswith("pan:"):
            return whole(self._panned()[0]).stem
        if self.is_synthetic:
            folder, _ = self._pictures()
            return whole(folder).name
        path = whole(self.source if exists(self.source) else self.shown)
        return path.name if exists(self.source) and path.is_dir() else path.stem

    def named(self) -> SourceSpec:
        """Return this spec with its stream id filled in."""
        return self if self.stream else replace(self, stream=legal_stream(self.name))

    def absolute(self, root: Path) -> SourceSpec:
        """Return this spec for a process with another working directory: a relative path starts at `root`. The path need not
        exist."""
        if self.is_live or (self.source.startswith("testsrc") and self.is_synthetic):
            return self
        kind = next((kind for kind in ("pan:", PICTURES) if self.source.startswith(kind) and self.is_synthetic), "")
        path = self.source.removeprefix(kind)
        if not kind and (_SCHEME.match(path) or "://" in path) and not exists(str(root / path)):
            return self  # an address, and no path, which would lose a slash, by which its password is found and hidden
        return replace(self, source=f"{kind}{root / path}")

    def open(self, options: SourceOptions | None = None) -> Source:
        """Check the source and read enough to tell its rate and size. Raises SourceError, MissingExtraError."""
        options = options or SourceOptions()
        stream = self.named().stream
        if self.is_live:
            return _open_live(self.source, stream, options)
        if not self.is_synthetic:
            return self._open_path(stream, options)
        if self.source.startswith("testsrc"):
            return self._open_test_card(stream, options.quality)
        if self.source.startswith("pan:"):
            return self._open_pan(stream, options.quality)
        folder, pattern = self._pictures()
        return _folder(folder, stream, options, pattern=pattern, videos_apart=True)

    def _open_test_card(self, stream: str, quality: int) -> Source:
        from framehop.sources.testsrc import ShapesSource  # loads NumPy

        query = self.source.removeprefix("testsrc").removeprefix(":").removeprefix("?")
        return ShapesSource.parse(self.source, query, stream=stream, quality=quality)

    def _open_pan(self, stream: str, quality: int) -> Source:
        from framehop.sources.pan import PanSource  # loads NumPy

        path, query = self._panned()
        return PanSource.parse(self.source, path, query, stream=stream, quality=quality)

    def _panned(self) -> tuple[Path, str]:
        name, query = self.source.removeprefix("pan:"), ""
        if not exists(name) and "?" in name:
            name, _, query = name.rpartition("?")
        return Path(name), query

    def _pictures(self) -> tuple[Path, str]:
        """Return the folder and the pattern of its pictures."""
        path = Path(self.source.removeprefix(PICTURES))
        return (path, "") if path.is_dir() else (path.parent, path.name)

    def _open_path(self, stream: str, options: SourceOptions) -> Source:
        if not exists(self.source):
            what = "unknown source" if _SCHEME.match(self.source) else "no such file or folder:"
            raise SourceError(f"{what} {self.shown[:200]!r}; {UNDERSTOOD}")
        path = Path(self.source)
        if path.is_dir():
            return _folder(path, stream, options)
        if not is_video(path.name) and is_picture(path) and not is_animation(path):
            return ImageSource.file(path, stream=stream, quality=options.quality)
        if is_unread(path):
            raise SourceError(f"{shown(path)} is {UNREAD}")
        return self._open_video(path, stream, options)

    def _open_video(self, path: Path, stream: str, options: SourceOptions) -> Source:
        return open_film(
            path, stream=stream, codec=options.codec, quality=options.quality, threads=options.video_threads
        )


def _folder(
    path: Path, stream: str, options: SourceOptions, *, pattern: str = "", videos_apart: bool = False
) -> ImageSource:
    return ImageSource.folder(
        path,
        stream=stream,
        rate=options.folder_rate,
        quality=options.quality,
        pattern=pattern,
        videos_apart=videos_apart,
    )


def _open_live(text: str, stream: str, options: SourceOptions) -> Source:
    from framehop.sources.live.live_video import LiveVideo  # loads FFmpeg

    return LiveVideo(
        Address.parse(text),
        stream=stream,
        codec=options.codec,
        quality=options.quality,
        stall_s=options.stall_s,
    )


def exists(text: str) -> bool:
    """Return whether `text` is the path of something."""
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # too long for a path, or it has a zero byte
        return False
