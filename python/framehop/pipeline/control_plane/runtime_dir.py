"""The directory of a supervisor's sockets. It is removed when the supervisor ends, even by kill -9."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from framehop.budgets import JANITOR_S
from framehop.config.environment import make_runtime_dir
from framehop.forks import abandon_in_children

# This shell waits for the end of its standard input, whose other end only the supervisor holds: whatever ends the supervisor
# ends the wait. It ignores Ctrl-C and hang-ups, which would otherwise leave the directory behind.
_JANITOR = 'trap "" INT TERM HUP; read -r _; exec rm -rf -- "$1"'


class RuntimeDir:
    """Creates a private directory and sees to its removal. Closing twice is harmless."""

    def __init__(self) -> None:
        self.path: Path = make_runtime_dir()
        try:
            self._janitor = subprocess.Popen(
                ["/bin/sh", "-c", _JANITOR, "framehop-janitor", str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        abandon_in_children(self)

    def close(self) -> None:
        assert self._janitor.stdin is not None
        self._janitor.stdin.close()
        try:
            self._janitor.wait(JANITOR_S)
        except subprocess.TimeoutExpired:
            self._janitor.kill()
            self._janitor.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def abandon(self) -> None:
        """Let go of the directory in a forked child: it is the parent's, and is removed when the parent ends."""
        assert self._janitor.stdin is not None
        self._janitor.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
