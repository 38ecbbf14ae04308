"""The command that runs one of framehop's modules in a process of its own."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from framehop.errors import ProcessError

# This does what `python -m` does, and does not look in the current directory: a random.py that lies there is none of ours.
_RUN = (
    "import runpy, sys; module, more = sys.argv[1:3]; del sys.argv[1:3]; sys.path += filter(None, more.split(':')); "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def run_module(module: str) -> list[str]:
    """Return the command, to which arguments may be added. The module is found where this process finds its own: where the
    interpreter looks by itself and, after that, in what this program has added to `sys.path`. Raises ProcessError when the
    interpreter is not known."""
    return [_interpreter(), "-P", "-c", _RUN, module, os.pathsep.join(_added_paths())]


def _interpreter() -> str:
    """Return the interpreter that `multiprocessing` starts too: a program that Python is embedded in sets it there."""
    spawn = sys.modules.get("multiprocessing.spawn")  # not loaded for this: without a setting it is the same
    found = spawn.get_executable() if spawn else sys.executable
    if not found:
        raise ProcessError(
            "it is not known which Python this program runs in: name one by multiprocessing.set_executable(PATH) before the start"
        )
    return os.fsdecode(found)


def _added_paths() -> list[str]:
    usual = set(sysconfig.get_paths().values())
    ours = str(Path(__file__).parents[1])  # it may have been found by a relative path
    return [path for path in dict.fromkeys([*sys.path, ours]) if path not in usual and Path(path).is_absolute()]
