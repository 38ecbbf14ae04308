from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from framehop.errors import InvalidArgumentError, OutOfMemoryError
from framehop.ring import RingPlan, check_memory, memory_limits, plan_ring, video_memory

MIB = 1 << 20


def write(root: Path, **files: str) -> Path:
    """Files named by path with `__` for a slash and `_dot_` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return write(
        tmp_path, proc__meminfo="MemTotal: 9000000 kB\nMemAvailable: 1024000 kB\n", proc__self__cgroup="0::/\n"
    )


def ring(total_bytes: int) -> RingPlan:
    return RingPlan(slots=1, slot_bytes=total_bytes, tap_quota=0, total_bytes=total_bytes)


def free(root: Path) -> dict[str, int]:
    return {limit.name.split(" (")[0]: limit.free_bytes for limit in memory_limits(root)}


def test_the_machines_memory(machine: Path) -> None:
    assert free(machine) == {"this machine's available memory": 1000 * MIB}
    check_memory(ring(1000 * MIB), root=machine)
    check_memory(ring(500 * MIB), 2, root=machine)
    with pytest.raises(OutOfMemoryError, match=rf"{1000 * MIB + 1} bytes.*MemAvailable.*{1000 * MIB}"):
        check_memory(ring(1000 * MIB + 1), root=machine)
    with pytest.raises(OutOfMemoryError, match=rf"{1000 * MIB + 2} bytes"):
        check_memory(ring(500 * MIB + 1), 2, root=machine)
    check_memory(ring(468 * MIB), 2, root=machine, link_bytes=32 * MIB)
    with pytest.raises(OutOfMemoryError, match="the rings and the links to detectors need"):
        check_memory(ring(468 * MIB + 1), 2, root=machine, link_bytes=32 * MIB)


def test_decoders_of_films_get_half_of_what_the_rings_leave(machine: Path) -> None:
    assert video_memory(ring(200 * MIB), 1, machine) == 400 * MIB
    assert video_memory(ring(200 * MIB), 2, machine) == 150 * MIB
    assert video_memory(ring(600 * MIB), 2, machine) == 0
    assert video_memory(ring(200 * MIB), 2, machine, link_bytes=50 * MIB) == 125 * MIB
    write(
        machine,
        sys__fs__cgroup__memory_dot_max=f"{300 * MIB}\n",
        sys__fs__cgroup__memory_dot_current=f"{50 * MIB}\n",
    )
    assert video_memory(ring(200 * MIB), 1, machine) == 25 * MIB


def test_every_cgroup_up_to_the_root_counts(machine: Path) -> None:
    write(
        machine,
        proc__self__cgroup="0::/pod/box\n",
        sys__fs__cgroup__pod__box__memory_dot_max="max\n",
        sys__fs__cgroup__pod__memory_dot_max=f"{300 * MIB}\n",
        sys__fs__cgroup__pod__memory_dot_current=f"{250 * MIB}\n",
        sys__fs__cgroup__pod__memory_dot_stat=f"anon 5\ninactive_file {50 * MIB}\nactive_file 7\n",
    )
    assert free(machine)["the memory cgroup /pod"] == 100 * MIB
    with pytest.raises(OutOfMemoryError, match=r"cgroup /pod \(memory.max"):
        check_memory(ring(101 * MIB), root=machine)


def test_version_1(machine: Path) -> None:
    write(
        machine,
        proc__self__cgroup="4:cpu,memory:/box\n0::/\n",
        sys__fs__cgroup__memory__memory_dot_limit_in_bytes="9223372036854771712\n",
        sys__fs__cgroup__memory__box__memory_dot_limit_in_bytes=f"{64 * MIB}\n",
        sys__fs__cgroup__memory__box__memory_dot_usage_in_bytes=f"{32 * MIB}\n",
        sys__fs__cgroup__memory__box__memory_dot_stat=f"inactive_file 1\ntotal_inactive_file {8 * MIB}\n",
    )
    assert free(machine)["the memory cgroup /box"] == 40 * MIB
    assert len(memory_limits(machine)) == 2


def test_a_full_cgroup_leaves_nothing_and_garbage_is_no_limit(machine: Path) -> None:
    write(
        machine,
        proc__self__cgroup="0::/a/b\n",
        sys__fs__cgroup__a__b__memory_dot_max="10\n",
        sys__fs__cgroup__a__b__memory_dot_current="4096\n",
        sys__fs__cgroup__a__memory_dot_max="what?\n",
    )
    assert free(machine)["the memory cgroup /a/b"] == 0
    assert len(memory_limits(machine)) == 2


@pytest.mark.parametrize("group", ["0::/../elsewhere\n", "0::relative\n", ""])
def test_a_cgroup_outside_our_view_is_no_limit(machine: Path, group: str) -> None:
    write(machine, proc__self__cgroup=group)
    assert len(memory_limits(machine)) == 1


def test_nothing_known_refuses_nothing(tmp_path: Path) -> None:
    check_memory(ring(1 << 60), root=tmp_path)


@pytest.mark.parametrize(
    ("limit", "says"),
    [("RLIMIT_AS", "ulimit -v"), ("RLIMIT_FSIZE", "each ring needs")],
)
def test_a_limit_of_this_process_is_named(limit: str, says: str) -> None:
    script = (
        "import resource; from framehop.ring import check_memory, plan_ring\n"
        "from framehop.errors import OutOfMemoryError\n"
        f"resource.setrlimit(resource.{limit}, (4 << 30, 4 << 30))\n"
        "check_memory(plan_ring(1, 1 << 20, 0), 2)\n"
        "try:\n    check_memory(plan_ring(1, 4 << 30, 0))\nexcept OutOfMemoryError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert str(4 << 30) in done.stdout
    assert limit in done.stdout
    assert says in done.stdout


def test_a_plan_adds_up_slots_quota_and_control() -> None:
    plan = plan_ring(4, 5000, 2)
    assert plan.total_bytes == 6 * 8192 + 4096
    with pytest.raises(InvalidArgumentError, match="slots"):
        plan_ring(0, 5000, 2)
