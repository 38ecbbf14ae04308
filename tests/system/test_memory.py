"""Memory that is not there: refused before anything starts, in words that say what is in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framehop.config.detect_options import DetectOptions
from framehop.ring import plan_ring
from tests.system.harness import House, check_ledger, pictures_of

MIB = 1 << 20
SHAPES = "testsrc:?size=320x240&count=30"
DEFAULTS = DetectOptions()
RING_BYTES = plan_ring(DEFAULTS.slots, DEFAULTS.slot_bytes, DEFAULTS.tap_quota).total_bytes
WORKER_BYTES = RING_BYTES + DEFAULTS.link_bytes


def in_namespace(script: str, *args: Path) -> list[str]:
    """A mount namespace of its own, which `script` furnishes before framehop is run in it: nothing is left mounted, whatever
    happens. As a user it needs a user namespace as well."""
    namespace = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    script = f'{script} && shift {len(args)} && exec "$@"'
    return ["unshare", *namespace, "sh", "-c", script, "sh", *map(str, args)]


def assert_refused(house: House, *args: str, under: list[str], says: list[str]) -> None:
    done = house.framehop("run", SHAPES, "--log", house.log, *args, under=under)
    assert done.returncode == 1, done.stderr
    for words in says:
        assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not house.log.exists(), "something was started"


def test_a_full_dev_shm_is_in_nobodys_way(house: House) -> None:
    full = "mount -t tmpfs -o size=16m none /dev/shm && ! head -c 17M /dev/zero 2>/dev/null >/dev/shm/ballast"
    assert RING_BYTES > 16 * MIB
    done = house.framehop("run", f"cam={SHAPES}", "--log", house.log, "--rate", "max", under=in_namespace(full))
    assert done.returncode == 0, done.stderr
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})


# ---------------------------------------------------------------- memory cgroups
#
# As framehop sees them: files under /sys/fs/cgroup and /proc/self/cgroup, in a mount namespace. Making real ones needs a
# hierarchy that this process may change.


class Cgroup:
    """A tree with the limit in the parent of our cgroup."""

    def __init__(self, root: Path, version: int, limit_bytes: int) -> None:
        memory = root / "tree" if version == 2 else root / "tree" / "memory"
        self.file = "memory.max" if version == 2 else "memory.limit_in_bytes"
        (memory / "pod" / "box").mkdir(parents=True)
        (memory / "pod" / self.file).write_text(f"{limit_bytes}\n")
        self._ours = root / "cgroup"
        self._ours.write_text("0::/pod/box\n" if version == 2 else "4:memory:/pod/box\n0::/\n")
        self._tree = root / "tree"

    @property
    def command(self) -> list[str]:
        """exec keeps the process id, so that the file bound here is the one that framehop finds as /proc/self/cgroup."""
        script = 'mount --bind "$1" /sys/fs/cgroup && mount --bind "$2" /proc/$$/cgroup'
        return in_namespace(script, self._tree, self._ours)


@pytest.mark.parametrize("more", [[], ["--json"], ["--workers", "2"]], ids=["one", "json", "two"])
@pytest.mark.parametrize("version", [1, 2])
def test_rings_beyond_a_memory_cgroup_are_refused(house: House, version: int, more: list[str]) -> None:
    needed = WORKER_BYTES * (2 if "2" in more else 1)
    cgroup = Cgroup(house.path, version, needed - 1)
    limit = f"the memory cgroup /pod ({cgroup.file} {needed - 1})"
    assert_refused(house, *more, under=cgroup.command, says=[f"{needed} bytes", limit])


@pytest.mark.parametrize("version", [1, 2])
def test_rings_within_a_memory_cgroup_are_made(house: House, version: int) -> None:
    cgroup = Cgroup(house.path, version, WORKER_BYTES)
    done = house.framehop("run", f"cam={SHAPES}", "--log", house.log, "--rate", "max", under=cgroup.command)
    assert done.returncode == 0, done.stderr
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})


# ---------------------------------------------------------------- limits of a process


def test_rings_beyond_the_address_space_are_refused(house: House) -> None:
    limit = 1 << 30  # room for the supervisor itself on any machine
    plan = plan_ring(256, 4 * MIB, DEFAULTS.tap_quota)
    says = [f"{plan.total_bytes + DEFAULTS.link_bytes} bytes", f"RLIMIT_AS, ulimit -v, {limit}"]
    assert_refused(house, "--slots", "256", under=["prlimit", f"--as={limit}"], says=says)


@pytest.mark.parametrize("limit", [0, 1000, RING_BYTES - 1])
def test_rings_beyond_the_file_size_limit_are_refused(house: House, limit: int) -> None:
    says = [f"{RING_BYTES} bytes", "RLIMIT_FSIZE, ulimit -f", f"leaves {limit}"]
    assert_refused(house, under=["prlimit", f"--fsize={limit}"], says=says)


@pytest.mark.parametrize("limit_mib", [100, 150, 250, 350, 420, 500, 600])
def test_an_address_space_too_small_for_anything_is_an_error(house: House, limit_mib: int) -> None:
    """Modules, threads, the model, the rings: what does not fit first differs from machine to machine. Whatever it is, the run
    ends by itself, and says why. At about 180 MiB there is just no room for GLib, which the system's libavcodec loads, and
    GLib aborts the process by itself."""
    house.env["OPENBLAS_NUM_THREADS"] = "1"  # it ends a process by SIGINT when a thread cannot be started
    done = house.framehop(
        "run", SHAPES, "--log", house.log, "--rate", "max", under=["prlimit", f"--as={limit_mib * MIB}"]
    )
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or "error:" in done.stderr.lower().splitlines()[-1], done.stderr


def test_a_log_beyond_the_file_size_limit_is_an_error(house: House) -> None:
    limit = 2 * MIB  # enough for a small ring, too little for a segment of the log
    (house.path / "framehop.yaml").write_text("detect:\n  hop: zmq\n")  # the other link has more than that
    small = ["--slots", "2", "--slot-mib", "0.25", "--config", "framehop.yaml"]
    done = house.framehop(
        "run", SHAPES, "--log", house.log, "--rate", "max", *small, under=["prlimit", f"--fsize={limit}"]
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert "ulimit -f" in done.stderr
