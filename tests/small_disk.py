"""A disk of a few MiB, in a mount namespace of its own: nothing is left mounted, whatever happens. Needs root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

MIB = 1 << 20
MOUNTS = 'mount -t tmpfs -o size="$2" none "$1" && echo mounted && read -r _'


class SmallDisk:
    """A tmpfs at `path`, for those that run `under` it; everyone else finds an empty directory there."""

    def __init__(self, path: Path, mib: int) -> None:
        self.path = path
        self._mib = mib

    def __enter__(self) -> Self:
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", MOUNTS, "sh", self.path, f"{self._mib}m"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        self.why_not = "" if self._holder.stdout.readline() else self._holder.communicate(timeout=10)[1]
        return self

    def __exit__(self, *exc: object) -> None:
        self._holder.communicate(timeout=10)

    @property
    def under(self) -> list[str]:
        own = f"/proc/{self._holder.pid}"
        # Its root as well, which may be that of a chroot.
        return ["nsenter", f"--mount={own}/ns/mnt", f"--root={own}/root", f"--wd={own}/cwd"]

    @property
    def _ballast(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.path}/ballast")

    def fill(self, but_bytes: int) -> None:
        """Fill the disk until `but_bytes` are left."""
        found = os.statvfs(self._ballast.parent)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - but_bytes)

    def make_room(self) -> None:
        self._ballast.unlink()
