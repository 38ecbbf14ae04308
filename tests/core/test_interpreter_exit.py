"""The interpreter ends while threads of it are at work in the core: no abort, nothing on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Each goes round in a daemon thread, in and out of native code, until the main thread has seen some rounds and returns.
AT_WORK = {
    "bell": """
bell = _core.Bell(f"{directory}/bell")
def work():
    bell.wait(bell.sample(), 0.001)
""",
    "ring": """
host = _core.RingHost(f"{directory}/ring.sock", slots=1, slot_bytes=4096)
ring = _core.Ring.attach(host.path)
held = []
while (slot := ring.try_acquire(_core.FrameTag("a", 0, 0))) is not None:
    held.append(slot)
def work():
    assert ring.wait_acquire(_core.FrameTag("a", 0, 1), 0.001) is None
""",
    "decoder": """
jpeg = _core.encode_jpeg(np.zeros((64, 64, 3), np.uint8))
def work():
    _core.decode_jpeg(jpeg)
""",
    "errors": """
def work():
    try:
        _core.decode_jpeg(b"not a picture")
    except ValueError:
        pass
""",
    "hosts": """
def work():
    with _core.RingHost(f"{directory}/{threading.get_ident()}.sock", slots=1, slot_bytes=4096):
        pass
""",
}

PROGRAM = """
import threading
import numpy as np
from framehop import _core

directory = "."
{work}
turns = threading.Semaphore(0)

def go_round():
    while True:
        work()
        turns.release()

for _ in range(3):
    threading.Thread(target=go_round, daemon=True).start()
for _ in range(30):
    assert turns.acquire(timeout=60)
print("left")
"""


@pytest.mark.parametrize("work", AT_WORK)
def test_threads_at_work_in_the_core_are_left_behind_in_peace(work: str, tmp_path: Path) -> None:
    program = PROGRAM.replace("{work}", AT_WORK[work])
    for _ in range(3):  # a thread is met in another place each time
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
        )
        assert (done.returncode, done.stdout) == (0, "left\n"), done.stderr
        assert done.stderr == ""
