"""Whether a log is still the one that was opened."""

from __future__ import annotations

import errno

from framehop.errors import LogError
from framehop.log.embedded.layout import LogPaths


class Presence:
    """Knows the log that was opened at these paths. Thread-safe."""

    def __init__(self, paths: LogPaths) -> None:
        """Note which log is there. Raises OSError when there is none."""
        self._paths = paths
        self._index = _identity(paths)

    def check(self) -> None:
        """Raise LogError when the log was removed or moved, also when another one has its place: SQLite would go on with the old
        index, which nobody else uses any more, while the paths of segments lead to files of the new log."""
        try:
            gone = _identity(self._paths) != self._index
        except OSError as error:  # missing rights say nothing
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        if gone:
            raise LogError(
                f"{self._paths.root} was removed while it was in use: end the processes of this log before you remove it"
            )


def _identity(paths: LogPaths) -> tuple[int, int]:
    """Return what no other file has while the index is open."""
    found = paths.index.stat()
    return found.st_dev, found.st_ino
