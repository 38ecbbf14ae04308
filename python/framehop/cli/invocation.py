"""Print commands and paths in a form that can be typed here and now."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def command() -> str:
    """Return how the user's shell calls this framehop: by its name if the shell finds this copy, else by its path."""
    program = Path(sys.argv[0])
    if program.name != "framehop" or not program.is_file():
        return f"{shlex.quote(sys.executable)} -m framehop"
    found = shutil.which("framehop")
    if found is not None and Path(found).samefile(program):
        return "framehop"
    return typed(program.absolute())


def typed(path: Path) -> str:
    """Return `path` quoted for a shell, relative to the working directory if it lies below. A path that begins with a dash stays
    absolute."""
    here = Path.cwd()
    short = path.relative_to(here) if path.is_relative_to(here) else path
    return shlex.quote(str(path if str(short).startswith("-") else short))
