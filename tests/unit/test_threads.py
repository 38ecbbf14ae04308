"""Threads that have no memory to begin."""

from __future__ import annotations

import subprocess
import sys

STARTS = """
import signal, threading
from framehop.pipeline.processes.threads import start_threads

class Dead(threading.Thread):
    def _bootstrap(self):
        "Ends as a thread does whose first step finds no memory."

begun = threading.Event()
start_threads([threading.Thread(target=begun.set)])
assert begun.wait(10)
try:
    start_threads([Dead(daemon=True)], within_s=0.1)
except MemoryError as error:
    print(error)
assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
"""


def test_one_that_dies_before_it_begins_is_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", STARTS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a thread did not begin within 0.1 s, as without memory for it\n"
