"""Rounds of hand-overs that are held open, and in each somebody is killed."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Callable, Mapping

import psutil

from tests.system.owners import Owners
from tests.waiting import until

VICTIMS = ["worker that gives up", "supervisor that gives up", "worker that joins", "supervisor that joins", "nobody"]
WEIGHTS = [4, 1, 1, 1, 1]
LONGEST_HOLD_S = 4.0  # a worker finishes what is in flight for 5 s before partitions go


class Crew:
    """One `framehop detect` and its children."""

    def __init__(self, supervisor: subprocess.Popen[bytes]) -> None:
        self.supervisor = supervisor

    def child(self, name: str) -> psutil.Process:
        """A living one; waits for it."""
        found: list[psutil.Process] = []

        def look() -> list[psutil.Process]:
            found[:] = [child for child in psutil.Process(self.supervisor.pid).children() if _is(child, name)]
            return found

        until(look, f"a {name} of process {self.supervisor.pid}")
        return found[0]

    def kill(self) -> None:
        self.supervisor.kill()
        self.collect()

    def collect(self) -> str:
        """Wait for its end; what it said."""
        _, said = self.supervisor.communicate(timeout=30)
        assert b"Traceback" not in said, said.decode()
        return said.decode()


def _is(process: psutil.Process, name: str) -> bool:
    try:
        return name in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class HandOvers:
    """A crew works; in each round its detector is stopped, so that what is in flight holds partitions back, while another crew
    joins. Somebody is killed, everybody is started again, every stream has to go on, and one of the two leaves."""

    def __init__(
        self,
        start: Callable[[str], subprocess.Popen[bytes]],
        owners: Owners,
        progress: Callable[[], Mapping[str, int]],
    ) -> None:
        """`start`: a `framehop detect` with so many workers. `progress`: events seen, by stream."""
        self._start, self._owners, self._progress = start, owners, progress
        self._chance = random.Random()
        self._worker = Crew(start("1"))
        self.said: list[str] = []

    def run(self, rounds: int) -> None:
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        self._chance.seed(seed)
        self._wait_progress()
        self._owners.forget()
        for number in range(rounds):
            print(f"round {number}: {self._round()}; longest without owner so far {self._owners.longest_s:.1f} s")

    def _round(self) -> str:
        holder, detector = self._worker, self._worker.child("detector-0")
        detector.suspend()
        joiner = Crew(self._start(self._chance.choice(["1", "1", "2"])))
        joiner.child("worker-0")
        hold_s, victim = self._chance.uniform(0, LONGEST_HOLD_S), self._chance.choices(VICTIMS, WEIGHTS)[0]
        self._let_pass(joiner, hold_s)
        holder, joiner = self._kill(victim, holder, joiner)
        if detector.is_running():
            self._chance.choice([detector.resume, detector.resume, detector.kill])()
        self._owners.wait_covered()
        self._wait_progress()
        return f"{victim} after {hold_s:.1f} s, {self._leave(holder, joiner)}"

    def _let_pass(self, crew: Crew, hold_s: float) -> None:
        """The random instant is the point: nothing is synchronised with it."""
        try:
            crew.supervisor.wait(hold_s)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"a crew ended by itself: {crew.collect()}")

    def _kill(self, victim: str, holder: Crew, joiner: Crew) -> tuple[Crew, Crew]:
        """Kill the victim, and return who works afterwards."""
        who = holder if victim.endswith("gives up") else joiner
        if victim.startswith("worker"):
            who.child("worker-0").kill()
        elif victim.startswith("supervisor"):
            who.kill()
            again = Crew(self._start("1"))
            return (again, joiner) if who is holder else (holder, again)
        return holder, joiner

    def _leave(self, holder: Crew, joiner: Crew) -> str:
        """One of them ends, and the other owns every partition."""
        leaver, self._worker = self._chance.choice([(holder, joiner), (joiner, holder)])
        how = self._chance.choice([signal.SIGTERM, signal.SIGKILL])
        leaver.supervisor.send_signal(how)
        self.said.append(leaver.collect())
        self._wait_progress()
        return f"the {'first' if leaver is holder else 'second'} left by {how.name}"

    def _wait_progress(self) -> None:
        """Wait until every stream has new events."""
        before = self._progress()
        until(lambda: _beyond(self._progress(), before), f"events of every stream beyond {dict(before)}", 90)

    def end(self) -> None:
        self._worker.supervisor.terminate()
        self.said.append(self._worker.collect())


def _beyond(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    return len(now) >= 4 and all(now[stream] > before.get(stream, 0) for stream in now)
