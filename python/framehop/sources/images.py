"""Picture files: one file is one frame, and a folder is a sequence in the order of its names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from framehop.account import LeftOut
from framehop.errors import SourceError
from framehop.protocols import Picture
from framehop.sources.folder import File, Other, look
from framehop.sources.identity import name_in, origin_of, shown
from framehop.sources.left_out import Tally
from framehop.sources.picture_file import picture_of
from framehop.sources.pillow_picture import pillow
from framehop.sources.raster import JPEG_MAGIC, JPEG_SUFFIXES, PICTURE_SUFFIXES, read_bytes, read_picture_bytes

logger = logging.getLogger(__name__)


class ImageSource:
    """Picture files in the order of their names. It is a ListedSource: an interrupted pass continues with the files that are in the
    folder now and not yet in the log.

    A JPEG goes through byte for byte, even when it is broken: the worker judges it and writes the event. Other formats are encoded
    to JPEG. A file that cannot be read goes through with its `error`, and with its bytes if there are any.
    """

    finite = True

    def __init__(
        self, path: Path, *, folder: bool, pattern: str, videos_apart: bool, stream: str, rate: float, quality: int
    ) -> None:
        self._path = path
        self._folder = folder
        self._pattern = pattern
        self._videos_apart = videos_apart
        self._quality = quality
        self._tally = Tally()
        self.stream = stream
        self.rate = rate
        self.count: int | None = None
        self.uri = path.absolute().as_uri() + (f"/{pattern}" if pattern else "")
        if folder or path.suffix.lower() not in JPEG_SUFFIXES:
            self.uri += f"?quality={quality}"

    @classmethod
    def file(cls, path: Path, *, stream: str, quality: int = 85) -> ImageSource:
        """Make a source of one file. Raises SourceError at once if the file cannot be read or is too large."""
        read_picture_bytes(path)
        source = cls(path, folder=False, pattern="", videos_apart=False, stream=stream, rate=1.0, quality=quality)
        source._first_look()
        return source

    @classmethod
    def folder(
        cls,
        path: Path,
        *,
        stream: str,
        rate: float = 10.0,
        quality: int = 85,
        pattern: str = "",
        videos_apart: bool = False,
    ) -> ImageSource:
        """Make a source of a folder. `rate`: pictures per second. `pattern`: of names, as in a shell; other files are ignored.
        `videos_apart`: the folder's videos are already sources of their own."""
        source = cls(
            path, folder=True, pattern=pattern, videos_apart=videos_apart, stream=stream, rate=rate, quality=quality
        )
        source._first_look()
        return source

    def _first_look(self) -> None:
        files = self._fresh(set())
        self.count = len(files)
        if any(file.path.suffix.lower() not in JPEG_SUFFIXES and not _is_jpeg(file.path) for file in files):
            pillow()

    def _look(self, besides: Container[str]) -> Iterable[File | Other]:
        if self._folder:
            return look(self._path, self._pattern, videos_apart=self._videos_apart, besides=besides)
        return [] if self._path.name in besides else [File(path=self._path, origin=_origin(self._path))]

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield pictures by number, which is reliable only if the folder is unchanged."""
        return islice(self.pictures_besides((), 0), start_seq, None)

    def pictures_besides(self, taken: Collection[str], start_seq: int) -> Iterator[Picture]:
        """Yield the other pictures. Files that are added meanwhile come last; each name is given once."""
        self._tally.clear()
        seen: set[str] = set()
        following = start_seq
        while files := self._fresh(seen):
            wanted = [file for file in files if file.origin not in taken]
            _say_replaced(self._path, wanted, taken)
            first, following = following, following + len(wanted)
            self.count = following
            for seq, file in enumerate(wanted, first):
                yield picture_of(file, round(seq * 1_000_000 / self.rate), quality=self._quality, tally=self._tally)
        if following == 0:
            raise self.no_pictures()

    def _fresh(self, seen: set[str]) -> list[File]:
        """Return the pictures whose names are not in `seen`, and add all names to it."""
        files = []
        for found in self._look(seen):
            if isinstance(found, File):
                seen.add(found.path.name)
                files.append(found)
            else:
                seen.add(found.name)
                self._tally.add(found.reason, shown(found.name))
        return files

    def no_pictures(self) -> SourceError:
        """Return the error for a folder without pictures."""
        rest = f" (left out: {'; '.join(map(str, self.left_out))})" if self.left_out else ""
        return SourceError(
            f"no pictures in {shown(self._path)}{rest}: put files in it that end in {' '.join(sorted(PICTURE_SUFFIXES))}"
        )


def _origin(path: Path) -> str:
    try:
        return origin_of(path.name, path.stat())
    except OSError:
        return origin_of(path.name, None)


def _say_replaced(folder: Path, wanted: Iterable[File], taken: Collection[str]) -> None:
    before = {name_in(origin) for origin in taken}
    changed = [shown(file.path.name) for file in wanted if file.path.name in before]
    if changed:
        names = ", ".join(changed[:5]) + (" …" if changed[5:] else "")
        logger.warning(
            "%s: %d pictures have changed since they went into the log; they go in again as new ones: %s",
            shown(folder),
            len(changed),
            names,
        )


def _is_jpeg(path: Path) -> bool:
    try:
        return read_bytes(path, len(JPEG_MAGIC), whole=False) == JPEG_MAGIC
    except SourceError:  # its `failed` event will report it
        return True
