"""Writes a file in one step, so that nobody finds half of it."""

from __future__ import annotations

from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path`, in place of what is there. Raises OSError, which names a file also when its disk is full."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
