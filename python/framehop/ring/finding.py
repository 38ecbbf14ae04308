"""Finds this user's rings on this host: by the sockets in given directories, and by the memory that processes have mapped."""

from __future__ import annotations

import os
import re
import socket
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from framehop import _core
from framehop.errors import FramehopError, RefusedError

LOOK_S = 2.0
_SOCKETS = "framehop-*/ring-*.sock"
# The kernel's name of a ring's control memory in /proc/PID/maps; see create_segment.
_CONTROL = re.compile(r"/memfd:framehop-control (/.+) \(deleted\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRing:
    """One ring. `look`: what its host says; None when there is no host or it does not answer, which `trouble` explains. `users`:
    the pids of this user's processes that have its memory mapped, the host's among them."""

    path: str
    look: _core.RingLook | None
    trouble: str
    users: tuple[int, ...]


def find_rings(directories: Iterable[Path]) -> list[FoundRing]:
    """Return all rings by their path. `directories`: where the runtime directories of pipelines lie. A stopped host takes two
    seconds."""
    users = _users()
    sockets = {str(path) for directory in directories for path in directory.glob(_SOCKETS)}
    return [_found(path, users.get(path, ())) for path in sorted(sockets | users.keys())]


def remove_ring(path: str) -> None:
    """Remove the socket that a dead host has left. Raises RefusedError while its host lives or a process has its memory mapped, and
    for what is no socket; FileNotFoundError when there is nothing."""
    if pids := _users_of(path):
        raise RefusedError(f"the ring {path} is in use by {_named(pids)}; end what uses it first")
    _refuse_served(path, path)
    aside = Path(path).with_name(f".{os.getpid()}")
    Path(path).rename(aside)
    try:
        _refuse_served(str(aside), path)  # once more: a host that began at that moment would be there now
    except BaseException:
        aside.rename(path)
        raise
    aside.unlink()


def _refuse_served(socket_path: str, path: str) -> None:
    if _is_served(socket_path):
        raise RefusedError(f"somebody serves {path}: only what nobody lives in is removed")


def _users_of(path: str) -> tuple[int, ...]:
    """Return who has the ring's memory mapped, however `path` is written."""
    real = os.path.realpath(path)
    return tuple(sorted({pid for known, pids in _users().items() if os.path.realpath(known) == real for pid in pids}))


def _found(path: str, users: tuple[int, ...]) -> FoundRing:
    try:
        return FoundRing(path=path, look=_core.look_at_ring(path, timeout_s=LOOK_S), trouble="", users=users)
    except FramehopError as error:
        return FoundRing(path=path, look=None, trouble=str(error), users=users)


def _users() -> dict[str, tuple[int, ...]]:
    """Return the pids that have a ring's control memory mapped, by the ring's path. Other users' processes cannot be read."""
    found: dict[str, set[int]] = defaultdict(set)
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):  # it has ended, or is another user's
            for path in _CONTROL.findall(maps.read_text(errors="replace")):
                found[path].add(int(maps.parent.name))
    return {path: tuple(sorted(pids)) for path, pids in found.items()}


def _is_served(path: str) -> bool:
    """Whether somebody listens at a socket. Raises RefusedError for another kind of file."""
    if not Path(path).is_socket() and Path(path).exists():
        raise RefusedError(f"{path} is no socket, and so no ring")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:  # so many wait that no more fit: there is a listener
            return True
    return True


def _named(pids: Iterable[int]) -> str:
    return ", ".join(f"process {pid}" for pid in pids)
