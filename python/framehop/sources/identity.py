"""The identity of files, and stream ids that no two names share."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import urllib.parse
from pathlib import Path

FALLBACK = "stream"
_HASH = 8  # hex digits; with ten thousand similar names, two share a hash in one case of a hundred


def version_of(path: Path) -> str:
    """Return the file's size, time and inode, which change when it is replaced or written to. Empty when it cannot be looked at."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def origin_of(name: str, found: os.stat_result | None) -> str:
    """Return which picture of a folder this is, in ASCII, whatever bytes the name has. `found` None: the file could not be looked
    at."""
    quoted = urllib.parse.quote(os.fsencode(name))
    return f"{quoted}?size={found.st_size}&mtime_ns={found.st_mtime_ns}" if found else f"{quoted}?"


def name_in(origin: str) -> str:
    """Return the file's name that `origin_of` was given."""
    return os.fsdecode(urllib.parse.unquote_to_bytes(origin.partition("?")[0]))


def legal_stream(name: str) -> str:
    """Turn `name` into a stream id. A name that is not legal gets a hash of the whole name, so that two names never share an id:
    `东门` and `西门` have no legal character."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name):
        return name
    if not name:
        return FALLBACK
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_HASH]
    kept = re.sub(r"[^A-Za-z0-9._]+", "-", _without_accents(name))[: 127 - _HASH].strip("-") or FALLBACK
    return f"{kept}-{digest}"


def _without_accents(name: str) -> str:
    """Return `name` with a u for ü, as `S-d` for `Süd` can hardly be recognised."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def whole(path: Path | str) -> Path:
    """Return the path that ends with the name which people use: absolute, and without `.` and `..`, which are no names."""
    return Path(os.path.abspath(path))  # noqa: PTH100  resolve() would give what a link points to


def shown(path: Path | str) -> str:
    """Return a name for people, on one line and without control characters, whatever the file is called."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))
