"""From what a user writes to sources: `[NAME=]SOURCE`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ConfigError, SourceError
from framehop.protocols import Source
from framehop.sources.images import ImageSource
from framehop.sources.pan import PanSource
from framehop.sources.raster import is_picture
from framehop.sources.testsrc import ShapesSource

UNDERSTOOD = (
    "understood: a video file, a picture, a folder of pictures, pan:PICTURE[?size=WxH&rate=10&count=100], "
    "testsrc[:?size=WxH&rate=25&count=100]"
)
_NAMED = re.compile(r"([A-Za-z0-9._-]{1,128})=(.+)", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """`quality`: of JPEGs encoded here, 1 to 100. `folder_rate`: pictures per second of a folder. `video_threads`:
    FFmpeg's decoder threads per video file, 0 for as many as it likes."""

    quality: int = 85
    folder_rate: float = 10.0
    video_threads: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality} is out of range; use 1 to 100")
        if not 0.001 <= self.folder_rate <= 1000:
            raise ConfigError(f"folder_rate {self.folder_rate} is out of range; use 0.001 to 1000 pictures per second")
        if not 0 <= self.video_threads <= 64:
            raise ConfigError(f"video_threads {self.video_threads} is out of range; use 0 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source by name, not yet opened: plain data for another process. `stream` empty: the source's own id."""

    source: str
    stream: str = ""

    @classmethod
    def parse(cls, text: str) -> SourceSpec:
        """`NAME=SOURCE` or `SOURCE`. The text of an existing path is never taken apart, whatever is in it."""
        named = None if _exists(text) else _NAMED.fullmatch(text)
        return cls(source=named[2], stream=named[1]) if named else cls(source=text)

    def open(self, options: SourceOptions | None = None) -> Source:
        """Check the source and read what is needed to say its rate and size. Raises SourceError, MissingExtraError."""
        options = options or SourceOptions()
        if self.source.startswith("pan:") and not _exists(self.source):
            return self._open_pan(options)
        if re.match(r"testsrc(?=[:?]|$)", self.source) and not _exists(self.source):
            return self._open_testsrc(options)
        return self._open_path(options)

    def _open_pan(self, options: SourceOptions) -> Source:
        name, query = self.source.removeprefix("pan:"), ""
        if not _exists(name):
            name, _, query = name.rpartition("?") if "?" in name else (name, "", "")
        path = Path(name)
        return PanSource.parse(self.source, path, query, stream=self._stream_of(path), quality=options.quality)

    def _open_testsrc(self, options: SourceOptions) -> Source:
        query = self.source.removeprefix("testsrc").removeprefix(":").removeprefix("?")
        return ShapesSource.parse(self.source, query, stream=self.stream or "testsrc", quality=options.quality)

    def _open_path(self, options: SourceOptions) -> Source:
        if not _exists(self.source):
            what = "unknown source" if _SCHEME.match(self.source) else "no such file or folder:"
            raise SourceError(f"{what} {self.source[:200]!r}; {UNDERSTOOD}")
        path = Path(self.source)
        stream = self._stream_of(path)
        if path.is_dir():
            return ImageSource.folder(path, stream=stream, rate=options.folder_rate, quality=options.quality)
        if is_picture(path):
            return ImageSource.file(path, stream=stream, quality=options.quality)
        return self._open_video(path, stream, options)

    def _open_video(self, path: Path, stream: str, options: SourceOptions) -> Source:
        from framehop.sources.video import VideoSource

        try:
            return VideoSource(path, stream=stream, quality=options.quality, threads=options.video_threads)
        except SourceError as error:
            raise SourceError(f"{error}\n{UNDERSTOOD}") from error

    def _stream_of(self, path: Path) -> str:
        return self.stream or legal_stream(path.absolute().stem)


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # too long for a path, or a zero byte in it
        return False


def legal_stream(name: str) -> str:
    """`name` as a stream id: what is not allowed becomes `-`."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:128] or "stream"


def parse_source(text: str, options: SourceOptions | None = None) -> Source:
    """Open `[NAME=]SOURCE`. Raises SourceError that says what is understood, MissingExtraError."""
    return SourceSpec.parse(text).open(options)


def parse_sources(sources: Iterable[str | SourceSpec], options: SourceOptions | None = None) -> list[Source]:
    """Open all of them. Raises also ConfigError when two have the same stream id."""
    specs = [SourceSpec.parse(source) if isinstance(source, str) else source for source in sources]
    opened = [spec.open(options) for spec in specs]
    check_distinct(opened)
    return opened


def check_distinct(sources: Sequence[Source]) -> None:
    """Raise ConfigError naming two sources with the same stream id."""
    seen: dict[str, Source] = {}
    for source in sources:
        if other := seen.get(source.stream):
            raise ConfigError(
                f"two sources have the stream id {source.stream!r}: {other.uri} and {source.uri}; "
                f"name one of them, as in other-{source.stream[:100]}=SOURCE"
            )
        seen[source.stream] = source
