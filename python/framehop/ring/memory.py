"""Check that the rings fit into memory before they are created.

Taking pages until there are none would wake the kernel's OOM killer, or in a container that of its memory cgroup. Rings are memfds:
they count as shared memory of the cgroup, and the size of /dev/shm does not matter.
"""

from __future__ import annotations

import mmap
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from framehop import _core
from framehop.errors import OutOfMemoryError

_ROOT = Path("/")
_MIB = 1 << 20
_MOST_VIDEO = 4 << 30
# Version 1 writes "no limit" as the largest multiple of a page in 63 bits.
_V1_UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class RingPlan:
    """The size of a ring to be created. `total_bytes`: pixels, control segment and rounding together."""

    slots: int
    slot_bytes: int
    tap_quota: int
    total_bytes: int


def plan_ring(slots: int, slot_bytes: int, tap_quota: int) -> RingPlan:
    """Compute a ring's size. Raises InvalidArgumentError for numbers that no ring can have."""
    total = _core.ring_bytes(slots=slots, slot_bytes=slot_bytes, tap_quota=tap_quota)
    return RingPlan(slots=slots, slot_bytes=slot_bytes, tap_quota=tap_quota, total_bytes=total)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """One limit that applies to this process. `free_bytes`: how much may still be taken under it, 0 or more."""

    name: str
    free_bytes: int


def memory_limits(root: Path = _ROOT) -> list[MemoryLimit]:
    """Return every limit in force: this machine's memory, each memory cgroup up to the root, RLIMIT_AS. `root`: for tests."""
    return [*_machine(root), *_cgroups_v2(root), *_cgroups_v1(root), *_address_space(root)]


def check_memory(plan: RingPlan, rings: int = 1, root: Path = _ROOT, *, link_bytes: int = 0) -> None:
    """Raise OutOfMemoryError if so many rings do not fit, naming the size and the limit that leaves the least. `link_bytes`: what
    the link of each ring's worker to its detector takes beside it.

    The address space belongs to each process: its limit is compared with this process's use, though others will map the rings.
    """
    who = "the rings and the links to detectors need" if link_bytes else "the rings need"
    _check(who, (plan.total_bytes + link_bytes) * rings, memory_limits(root))
    _check("each ring needs", plan.total_bytes, _file_size())
    _check("each link to a detector needs", link_bytes, _file_size())


def video_memory(plan: RingPlan, workers: int, root: Path = _ROOT, *, link_bytes: int = 0) -> int:
    """Return how many bytes each worker's decoders of films may take: together half of what the tightest limit leaves beside the
    rings and links, since detectors need memory too."""
    left = min((limit.free_bytes for limit in memory_limits(root)), default=2 * _MOST_VIDEO * workers)
    return min(_MOST_VIDEO, max(0, left - (plan.total_bytes + link_bytes) * workers) // (2 * workers))


def _check(who_needs: str, needed_bytes: int, limits: Iterable[MemoryLimit]) -> None:
    tightest = min(limits, key=lambda limit: limit.free_bytes, default=None)
    if tightest is None or needed_bytes <= tightest.free_bytes:
        return
    raise OutOfMemoryError(
        f"{who_needs} {needed_bytes} bytes ({needed_bytes / _MIB:,.1f} MiB), but {tightest.name} leaves "
        f"{tightest.free_bytes} ({tightest.free_bytes / _MIB:,.1f} MiB); use fewer slots or workers, smaller pictures, "
        "or raise that limit"
    )


# ---------------------------------------------------------------- reading the limits


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def _read_int(path: Path) -> int | None:
    text = (_read(path) or "").strip()
    return int(text) if text.isdecimal() else None


def _field(path: Path, key: str) -> int:
    """Return the number after `key` in a file of "key number" lines; 0 if it is missing."""
    for line in (_read(path) or "").splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == key and words[1].isdecimal():
            return int(words[1])
    return 0


def _machine(root: Path) -> Iterator[MemoryLimit]:
    available = _field(root / "proc/meminfo", "MemAvailable:")
    if available:
        yield MemoryLimit(name="this machine's available memory (MemAvailable)", free_bytes=available * 1024)


def _cgroup_of(root: Path, controller: str) -> PurePosixPath | None:
    """Return our cgroup for a version 1 controller, or in version 2 for the controller ''."""
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        if (controller and controller in controllers.split(",")) or (not controller and number == "0"):
            return PurePosixPath(path)
    return None


def _with_parents(mount: Path, group: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
    for path in (group, *group.parents):
        yield path, mount / path.relative_to("/")


def _cgroups_v2(root: Path) -> Iterator[MemoryLimit]:
    group = _cgroup_of(root, "")
    if group is None or not group.is_absolute() or ".." in group.parts:
        return
    for path, directory in _with_parents(root / "sys/fs/cgroup", group):
        limit = _read_int(directory / "memory.max")
        if limit is not None:
            used = _read_int(directory / "memory.current") or 0
            # The kernel frees the inactive page cache by itself.
            reclaimable = _field(directory / "memory.stat", "inactive_file")
            yield _cgroup_limit(path, "memory.max", limit, used - reclaimable)


def _cgroups_v1(root: Path) -> Iterator[MemoryLimit]:
    group = _cgroup_of(root, "memory")
    if group is None or not group.is_absolute() or ".." in group.parts:
        return
    for path, directory in _with_parents(root / "sys/fs/cgroup/memory", group):
        limit = _read_int(directory / "memory.limit_in_bytes")
        if limit is not None and limit < _V1_UNLIMITED:
            used = _read_int(directory / "memory.usage_in_bytes") or 0
            reclaimable = _field(directory / "memory.stat", "total_inactive_file")
            yield _cgroup_limit(path, "memory.limit_in_bytes", limit, used - reclaimable)


def _cgroup_limit(path: PurePosixPath, file: str, limit: int, used: int) -> MemoryLimit:
    return MemoryLimit(name=f"the memory cgroup {path} ({file} {limit})", free_bytes=max(limit - max(used, 0), 0))


def _address_space(root: Path) -> Iterator[MemoryLimit]:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    pages = (_read(root / "proc/self/statm") or "0").split()[0]
    used = int(pages) * mmap.PAGESIZE
    yield MemoryLimit(name=f"the address space limit (RLIMIT_AS, ulimit -v, {limit})", free_bytes=max(limit - used, 0))


def _file_size() -> Iterator[MemoryLimit]:
    """Yield the limit on file size. It applies to each memfd by itself, as to any file, not to all together."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY:
        yield MemoryLimit(name="the file size limit (RLIMIT_FSIZE, ulimit -f)", free_bytes=limit)
