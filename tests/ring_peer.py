"""A ring peer in a process of its own, driven by one line each way. Run as a script; `Peer` is the test's end of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from framehop._core import FrameTag, Lease, Ring, RingReader, Slot

REPLY_S = 60.0


class Peer:
    """The test's end: `ask("lease 0 1")` returns the answer's words."""

    def __init__(self, path: str, role: str) -> None:
        # -P: the script's own directory would hide the standard library's `typing`.
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, path, role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        try:
            self.hello = self._answer()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: str) -> list[str]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], REPLY_S)
        assert ready, f"the peer does not answer within {REPLY_S:.0f} s"
        line = self._process.stdout.readline()
        assert line, "the peer ended without an answer"
        return line.split()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9; returns when it is dead, but does not reap it: it stays a zombie until `end`."""
        self.signal(signal.SIGKILL)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def peer(path: str, role: str) -> Iterator[Peer]:
    started = Peer(path, role)
    try:
        yield started
    finally:
        started.end()


def colour(seq: int) -> int:
    """Every byte of frame `seq`'s picture."""
    return (seq * 37 + 1) % 256


class _Reader:
    def __init__(self, reader: RingReader) -> None:
        self._reader = reader
        self._leases: dict[tuple[int, int], Lease] = {}

    def lease(self, slot: int, generation: int) -> str:
        lease = self._reader.try_lease(slot, generation)
        if lease is None:
            return "none"
        self._leases[slot, generation] = lease
        return f"{lease.tag.seq} {self.look(slot, generation)}"

    def look(self, slot: int, generation: int) -> str:
        """The one colour of the picture, or -1 if it has several."""
        values = np.unique(self._leases[slot, generation].array())
        return str(values[0] if len(values) == 1 else -1)

    def release(self, slot: int, generation: int) -> str:
        self._leases.pop((slot, generation)).release()
        return "ok"

    def fork(self, *_: int) -> str:
        """A child with a copy of everything, which waits for this process's end of the pipe to close."""
        child = os.fork()
        if child == 0:
            os.read(0, 1 << 16)
            os._exit(0)
        return str(child)


class _Writer:
    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._slots: list[Slot] = []

    def fill(self, seq: int, *_: int) -> str:
        slot = self._ring.wait_acquire(FrameTag("cam", 1, seq), 30.0)
        assert slot is not None
        slot.array(4, 4)[:2] = colour(seq)
        self._slots.append(slot)
        return f"{slot.index} {slot.generation}"

    def publish(self, seq: int, *_: int) -> str:
        slot = self._ring.wait_acquire(FrameTag("cam", 1, seq), 30.0)
        assert slot is not None
        slot.array(4, 4)[:] = colour(seq)
        ref = slot.publish()
        return f"{ref.slot} {ref.generation}"


def _serve(path: str, role: str) -> None:
    if role == "writer":
        ring = Ring.attach(path)
        served: _Reader | _Writer = _Writer(ring)
        print(ring.incarnation, flush=True)
    else:
        served = _Reader(RingReader.attach(path, role="detector" if role == "detector" else "tap"))
        print("attached", flush=True)
    for line in sys.stdin:
        verb, *numbers = line.split()
        print(getattr(served, verb)(*map(int, numbers)), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
