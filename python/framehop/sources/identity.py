"""What makes a file the one it was, and a stream id that no other name has."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.parse
from pathlib import Path

FALLBACK = "stream"
_HASH = 8  # hex digits: two of ten thousand names have the same in one case of a hundred, if they also look the same


def version_of(path: Path) -> str:
    """Another one when the file was replaced or written to: its size, time and inode. Empty when it cannot be looked at."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def origin_of(name: str, found: os.stat_result | None) -> str:
    """Which picture of a folder this is: ASCII, whatever bytes the name is made of. `found` None: it could not be looked at."""
    quoted = urllib.parse.quote(os.fsencode(name))
    return f"{quoted}?size={found.st_size}&mtime_ns={found.st_mtime_ns}" if found else f"{quoted}?"


def name_in(origin: str) -> str:
    """The file's name that `origin_of` was given."""
    return os.fsdecode(urllib.parse.unquote_to_bytes(origin.partition("?")[0]))


def legal_stream(name: str) -> str:
    """`name` as a stream id. One that is not legal as it stands gets a hash of the whole name, so that two of them never meet:
    `东门` and `西门` have no letter that may stay."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name):
        return name
    if not name:
        return FALLBACK
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_HASH]
    kept = re.sub(r"[^A-Za-z0-9._]+", "-", name)[: 127 - _HASH].strip("-") or FALLBACK
    return f"{kept}-{digest}"


def shown(path: Path | str) -> str:
    """A name for people, on one line and without control characters, whatever the file is called."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))
