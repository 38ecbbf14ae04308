"""Directories of a test's own for sockets and temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOM = tempfile.gettempdir()  # as the session found it, since paths of sockets must stay below 107 bytes


@contextmanager
def private_places() -> Iterator[Path]:
    """Give this process, and those that it starts meanwhile, a runtime directory and a temporary one of their own, where nobody
    finds pipelines of another test, of another run of the tests or of whoever works on this machine. Yields the former."""
    with (
        tempfile.TemporaryDirectory(prefix="fh", dir=ROOM, ignore_cleanup_errors=True) as base,
        pytest.MonkeyPatch.context() as patch,
    ):
        runtime, temporary = Path(base, "r"), Path(base, "t")
        for place in (runtime, temporary):
            place.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield runtime
