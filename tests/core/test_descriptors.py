"""File descriptors that run out: what needs them says so, and nothing is limited to the first 1,024."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RAISED = """
import resource
from framehop._core import raise_descriptor_limit
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
raise_descriptor_limit()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
"""

BEYOND_SELECT = """
import os, resource
from framehop.pipeline.wake import readable, wait_writable
resource.setrlimit(resource.RLIMIT_NOFILE, (3000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
ours, theirs = os.pipe()
os.dup2(ours, 2000)
assert readable([2000], 0.0) == set()
wait_writable(theirs, 30.0)
os.write(theirs, b"x")
assert readable([2000], 30.0) == {2000}
os.read(2000, 1)
os.close(theirs)
assert readable([2000], 30.0) == {2000}, "a hang-up, too"
"""

NONE_LEFT = """
import os, resource, sys
from framehop._core import HopClient, HopServer, RingReader
from framehop.errors import SystemCallError
highest = os.dup(0)
os.close(highest)
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for make in (
    lambda: HopServer(f"ipc://{sys.argv[1]}/hop"),
    lambda: HopClient(f"ipc://{sys.argv[1]}/hop", ring_path="/r", ring_id=1),
):
    try:
        make()
    except SystemCallError as error:
        assert "RLIMIT_NOFILE" in str(error), error
    else:
        raise AssertionError("it was made")
"""


def run(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=120)


def test_the_limit_is_raised_to_the_hard_one() -> None:
    run(RAISED)


def test_processes_wait_on_descriptors_of_any_number() -> None:
    run(BEYOND_SELECT)


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="UBSan needs a descriptor of its own to look at a type"
)
def test_the_hop_says_that_none_is_left_instead_of_aborting(tmp_path: object) -> None:
    for left in ("2", "6"):
        run(NONE_LEFT, str(tmp_path), left)
