"""Look into a folder and tell which files are pictures, in the order of their names, and what the others are."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import SourceError
from framehop.sources.boxes import is_heif
from framehop.sources.identity import origin_of, shown
from framehop.sources.raster import PICTURE_SUFFIXES, is_picture, read_bytes

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3g2", "3gp", "asf", "avi", "dav", "dv", "flv", "ivf", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv", "y4m"),
        *("264", "265", "av1", "h264", "h265", "hevc"),
    )
)
UNREAD = "a picture of a kind that is not decoded here: save it as PNG or JPEG"
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".exr", ".hdr", ".psd", ".svg"}
)
APPLE_DOUBLE = b"\x00\x05\x16\x07"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An entry that is a picture by its name or first bytes. `origin`: the file's state when the folder was read."""

    path: Path
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An entry that is no picture, and why."""

    name: str
    reason: str


def is_video(name: str) -> bool:
    """Return whether the name is that of a video."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def is_unread(path: Path) -> bool:
    """Return whether a file, which is none of the pictures that are decoded here, is another kind of picture."""
    return path.suffix.lower() in UNREAD_SUFFIXES or is_heif(path)


def look(
    folder: Path, pattern: str = "", *, videos_apart: bool = False, besides: Container[str] = ()
) -> Iterator[File | Other]:
    """Yield every entry in the order of the names, or those that fit `pattern`. `videos_apart`: videos are sources of their own,
    and are passed over. `besides`: names that are passed over and not looked into. Raises SourceError."""
    for entry in _entries(folder, pattern):
        if entry.name in besides or (videos_apart and is_video(entry.name)):
            continue
        reason = _why_no_picture(entry)
        if reason:
            yield Other(name=entry.name, reason=reason)
        else:
            yield File(path=Path(entry.path), origin=origin_of(entry.name, _stat(entry)))


def _entries(folder: Path, pattern: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not pattern or fnmatch.fnmatchcase(entry.name, pattern)]
    except OSError as error:
        raise SourceError(f"cannot read the folder {shown(folder)}: {error.strerror}") from error
    return sorted(found, key=lambda entry: entry.name)


def _why_no_picture(entry: os.DirEntry[str]) -> str:
    """Return why an entry is no picture; empty for a picture, even a broken or unreadable one or a link to nowhere, since a file
    with a picture's name would be missed."""
    if _is_folder(entry):
        return "a folder: name it as a source of its own"
    if entry.name.startswith("._") and _begins(entry, APPLE_DOUBLE):
        return "what macOS keeps beside a file"
    if Path(entry.name).suffix.lower() in PICTURE_SUFFIXES:
        return ""
    if Path(entry.name).suffix.lower() in UNREAD_SUFFIXES:
        return UNREAD
    if is_video(entry.name):
        return "a video: name it as a source of its own"
    return _by_first_bytes(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _begins(entry: os.DirEntry[str], magic: bytes) -> bool:
    try:
        return read_bytes(Path(entry.path), len(magic), whole=False) == magic
    except SourceError:
        return False


def _by_first_bytes(entry: os.DirEntry[str]) -> str:
    try:
        return "" if is_picture(Path(entry.path)) else "no picture by its name or first bytes"
    except SourceError:
        return "no picture by its name, and its bytes cannot be read"


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None
