"""A command of framehop, run in this process: what it printed, and its exit status."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from framehop.cli import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    status: int
    stdout: str
    stderr: str


def framehop(*args: str | Path) -> Done:
    """`framehop ARGS`, as its entry point runs it."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    status = 0
    with (
        mock.patch.object(sys, "argv", ["framehop", *map(str, args)]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Done(status=status, stdout=_text(stdout), stderr=_text(stderr))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
