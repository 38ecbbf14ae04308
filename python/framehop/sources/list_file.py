"""A file with a source a line, such as the addresses of all cameras of a site."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from framehop.errors import SourceError
from framehop.sources.address import is_address
from framehop.sources.identity import shown

PREFIX = "list:"
SUFFIX = ".streams"
_MOST_BYTES = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMMENT = re.compile(r"\s+#.*")


def is_list(text: str) -> bool:
    """Return whether `text` names a list: `list:FILE`, or a file that ends in .streams."""
    return text.startswith(PREFIX) or (text.lower().endswith(SUFFIX) and _is_file(text))


def list_path(text: str) -> Path:
    """Return the path of a list."""
    return Path(text.removeprefix(PREFIX))


def lines_of(path: Path) -> Sequence[tuple[int, str]]:
    """Return the sources with the numbers of their lines. Empty lines and those that begin with # say nothing, nor does what
    follows an address behind a space and #; paths begin at the list's folder. Raises SourceError."""
    try:
        if path.exists() and not path.is_file():  # before open: a pipe would block
            raise SourceError(f"the list {shown(path)} is not a regular file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        # Editors of Windows begin a file with a mark, and its shell writes two bytes a character.
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except OSError as error:
        raise SourceError(f"cannot read the list {shown(path)}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"the list {shown(path)} is no text: put a source on each line") from error
    if len(data) > _MOST_BYTES:
        raise SourceError(f"the list {shown(path)} is larger than {_MOST_BYTES >> 20} MiB: it is no list of sources")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, _rooted(line, path.parent)) for number, line in lines if line and not line.startswith("#")]
    if not found:
        raise SourceError(f"the list {shown(path)} names no source: put one on each line, as NAME=rtsp://HOST/PATH")
    return found


def _rooted(line: str, folder: Path) -> str:
    """Return the line with its path taken from `folder`, if it names one there, and without spaces around the = and what is said
    of an address."""
    name, equals, rest = line.partition("=")
    for before, source in (("", line), (f"{name.strip()}{equals}", rest.strip())):
        if is_address(bare := _COMMENT.sub("", source)):
            return before + bare
        if source and _is_there(folder / source):
            return f"{before}{folder / source}"
    return line


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
