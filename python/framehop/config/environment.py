"""Everything that comes from the environment. No other module reads `os.environ`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from framehop.errors import ConfigError

FAIL_POINTS = (
    "ingest.appended",
    "decode.mid",
    "decode.done",
    "hop.sent",
    "infer.mid",
    "swap.load",
    "swap.switched",
    "event.produced",
    "offsets.stored",
)


def variable(name: str, wanted_by: str) -> str:
    """Return an environment variable. Raises ConfigError that begins with `wanted_by`."""
    if name not in os.environ:
        raise ConfigError(f"{wanted_by}: the environment has no {name}; set it before framehop is started")
    return os.environ[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPoint:
    """A named barrier at which a test has one process killed, on its `nth` hit."""

    name: str
    nth: int = 1


def fail_point() -> FailPoint | None:
    """Read `FRAMEHOP_FAIL_AT=<point>[@n]`, for fault tests; None when unset. Raises ConfigError for an unknown point."""
    text = os.environ.get("FRAMEHOP_FAIL_AT", "")
    if not text:
        return None
    name, _, nth = text.partition("@")
    if name not in FAIL_POINTS or not (nth or "1").isdigit():
        raise ConfigError(f"FRAMEHOP_FAIL_AT={text!r} is not one of {', '.join(FAIL_POINTS)}, optionally with @n")
    return FailPoint(name=name, nth=int(nth or "1"))


def cache_dir(*names: str) -> Path:
    """Make a directory of mode 0700 in $XDG_CACHE_HOME or ~/.cache, below `framehop`. Raises ConfigError when that is not possible,
    or when others may write there."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().joinpath("framehop", *names)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise ConfigError(
            f"{path} for {names[0]}: {error.strerror}; set XDG_CACHE_HOME to a directory that you can write"
        ) from error
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ConfigError(f"{path} may be written by others, who could change what framehop keeps there: remove it")
    return path


def make_runtime_dir() -> Path:
    """Make a 0700 directory for sockets in $XDG_RUNTIME_DIR or the temporary directory, so that their paths stay short (107
    bytes)."""
    return Path(tempfile.mkdtemp(prefix="framehop-", dir=_named_parent()))


def runtime_parents() -> list[Path]:
    """Return where runtime directories of this user may lie. A service has no $XDG_RUNTIME_DIR, but a shell that looks for it may
    have one, and the other way round; after `su` it is another user's."""
    named = _named_parent() or f"/run/user/{os.getuid()}"
    return list(dict.fromkeys(Path(name) for name in (named, tempfile.gettempdir())))


def _named_parent() -> str | None:
    """Return $XDG_RUNTIME_DIR if we may write there."""
    parent = os.environ.get("XDG_RUNTIME_DIR")
    return parent if parent and os.access(parent, os.W_OK) else None


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def with_huge_pages() -> dict[str, str]:
    """Return the environment for a process that runs a network: glibc's malloc asks there for huge pages, which the kernel gives
    where transparent_hugepage is `madvise`. Reading weights and tensors by pages of 4 kB costs a CPU some percent of each run.
    Whoever has set glibc.malloc.hugetlb keeps that; other C libraries ignore it."""
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "glibc.malloc.hugetlb=" in tunables:
        return dict(os.environ)
    return {**os.environ, "GLIBC_TUNABLES": ":".join(filter(None, (tunables, "glibc.malloc.hugetlb=1")))}
