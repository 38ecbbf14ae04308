"""One child of the supervisor through all its incarnations: it is started, heard, found dead and started again."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framehop.budgets import HANG_S, KILL_S, SLOW_LOAD_S, START_S
from framehop.config.environment import FailPoint
from framehop.errors import ProcessError, SystemCallError, text_of
from framehop.interpreter import run_module
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.child import REPLACED, UNAVAILABLE
from framehop.pipeline.processes.limits import limit_of
from framehop.pipeline.processes.messages import Beat, Drain, Failed, Finished, Message
from framehop.pipeline.processes.settings import Begin, Settings
from framehop.timing import Reminder

logger = logging.getLogger(__name__)

STEADY_S = 10.0  # after an incarnation that lived this long the back-off begins anew
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
STILLBORN_LIMIT = 5
REPLACED_LIMIT = 3
REPLACED_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The death of a process. `in_flight`: frames it had between poll and commit, by the slots in use."""

    process: str
    incarnation: int
    signal: str
    exit_code: int | None
    in_flight: int


def _address_space_hint() -> str:
    """Return a hint if an address space limit is set: libraries that hit it abort without naming the cause."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return ""
    return f". Is the address space limit (ulimit -v), {limit} bytes, too low?"


def signal_name(number: int) -> str:
    """Return a signal's name; real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def is_stopped(pid: int) -> bool:
    """Return whether a process was stopped by a signal, SIGSTOP or that of a terminal. One under a debugger was not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False  # it has ended


@dataclass(slots=True)
class Process:
    """The state of one child. Used by the supervisor's thread alone, which outlives the child: the kernel kills a child when the
    thread that started it ends.

    `role`: its kind, with which its name begins. `module`: the module that its interpreter runs. `start_s`: how long it may take
    until it is ready. `environment`: returns its own, None for ours. `draining`: it was asked to end, or must not be started again
    because the pipeline ends. `proven`: this incarnation or an earlier one was ready, so an error that stops it now may pass.
    `put_offs`, `slow_starts`: when it is said that it cannot be started for now, and that its start takes long. `patient_until_s`:
    until when it may be silent although it is ready; see `loads_beside`.
    """

    role: str
    module: str
    index: int
    start_s: float = START_S
    environment: Callable[[], Mapping[str, str]] | None = None
    incarnation: int = 0
    popen: subprocess.Popen[bytes] | None = None
    channel: Channel | None = None
    pidfd: int = -1
    ready: bool = False
    proven: bool = False
    draining: bool = False
    killed: bool = False
    finished: Finished | None = None
    beat: Beat = field(default_factory=Beat)
    started_s: float = 0.0
    heard_s: float = 0.0
    patient_until_s: float = 0.0
    restart_at_s: float | None = None
    delay_s: float = 0.0
    stillborn: int = 0
    replaced_s: list[float] = field(default_factory=list)
    put_offs: Reminder = field(default_factory=Reminder)
    slow_starts: Reminder = field(default_factory=Reminder)
    events_at_start: int = 0

    @property
    def name(self) -> str:
        return f"{self.role}-{self.index}"

    @property
    def alive(self) -> bool:
        return self.popen is not None

    def start(self, settings: Settings, fail_at: FailPoint | None) -> None:
        """Spawn the next incarnation and give it its settings. `fail_at` arms the first incarnation only. Raises SystemCallError,
        and then nothing of it is left."""
        armed = fail_at if not self.incarnation and fail_at else None
        begin = Begin(settings=settings, fail_at=armed.name if armed else "", fail_nth=armed.nth if armed else 1)
        try:
            self._spawn(begin)
        except OSError as error:
            file = f": {error.filename}" if error.filename else ""
            said = limit_of(error) or f"{error.strerror or text_of(error)}{file}"
            raise SystemCallError(f"{self.name} cannot be started: {said}") from error
        self.incarnation += 1
        self.ready = self.draining = self.killed = False
        self.finished = None
        self.beat = Beat()
        self.started_s = self.heard_s = time.monotonic()
        self.patient_until_s = 0.0
        self.restart_at_s = None
        self.put_offs.over()
        self.slow_starts.over()

    def _spawn(self, begin: Begin) -> None:
        self.channel, theirs = Channel.pair()
        try:
            with theirs, begin.to_file() as settings_file:
                self.popen = subprocess.Popen(
                    self._command(theirs.fileno()),
                    stdin=settings_file,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=self.environment() if self.environment else None,
                    process_group=0,  # the terminal's Ctrl-C reaches the supervisor alone
                )
            self.pidfd = os.pidfd_open(self.popen.pid)
        except BaseException:
            self.end()
            self._release()
            raise

    def put_off(self, error: OSError) -> None:
        """Plan another start after one that failed by `error`: what was lacking may be there then."""
        self.finished = None  # whatever an earlier incarnation has finished, this one has work
        self._plan_start(max(FIRST_DELAY_S, self.delay_s))
        if self.put_offs.due(text_of(error), time.monotonic()):
            logger.warning("%s; it is tried again", text_of(error))

    def _command(self, control_fd: int) -> list[str]:
        command = [
            *run_module(self.module),
            "--name",
            self.name,
            "--control-fd",
            str(control_fd),
            "--parent",
            str(os.getpid()),
        ]
        return [*command, "--log-level", logging.getLevelName(logging.getLogger("framehop").getEffectiveLevel())]

    def receive(self) -> list[Message]:
        """Return its new messages. The supervisor learns of its end from the pidfd, not from here."""
        messages = (self.channel.receive() if self.channel else None) or []
        if messages:
            self.heard_s = time.monotonic()
        return messages

    def note_failure(self, failed: Failed) -> None:
        """Note why it cannot work. Raises ProcessError if it will not help to start it again.

        A worker whose name another member has joins again. That other may be itself: when a broker was away for longer than a
        session, a commit of the old membership can arrive after the new one has joined. The third time within two minutes there is
        another process, which joins again too, and the two would end each other for ever.
        """
        if failed.replaced and not self._replaced_too_often():
            logger.warning(
                "%s: %s; it joins again, because the other may be its own earlier membership", self.name, failed.message
            )
        elif failed.final or failed.replaced or not self.proven:
            raise ProcessError(failed.message)
        else:
            logger.error("%s: %s", self.name, failed.message)

    def _replaced_too_often(self) -> bool:
        now_s = time.monotonic()
        self.replaced_s = [at_s for at_s in self.replaced_s if at_s > now_s - REPLACED_WITHIN_S] + [now_s]
        return len(self.replaced_s) >= REPLACED_LIMIT

    def drain(self) -> None:
        """Let it finish what is in flight and end, and do not start it again."""
        self.draining = True
        self.restart_at_s = None
        if self.channel is not None:
            self.channel.send(Drain())

    def deadline_s(self) -> float:
        """Return when it counts as hung although it runs, in monotonic seconds."""
        if self.ready:
            return max(self.heard_s + HANG_S, self.patient_until_s)
        return self.started_s + self.start_s

    def loads_beside(self) -> None:
        """Note that it loads a model beside the one that runs, for as long as this is called now and then. ONNX Runtime may keep
        the interpreter's lock while it makes a session, and nobody beats meanwhile."""
        self.patient_until_s = time.monotonic() + START_S

    def excuse(self, away_s: float, now_s: float) -> None:
        """Count the `away_s` seconds up to `now_s` neither as silence nor as part of its start: it was not watched meanwhile. What
        was noted after them, in the rest of a round that was frozen, does not move into the future."""
        self.heard_s = min(self.heard_s + away_s, now_s)
        self.started_s = min(self.started_s + away_s, now_s)
        self.patient_until_s = min(self.patient_until_s + away_s, now_s + START_S)

    def _stands_still(self, now_s: float) -> bool:
        """Return whether it has been stopped rather than at work, where it may be silent for long."""
        return now_s > self.heard_s + START_S and self.popen is not None and is_stopped(self.popen.pid)

    def kill_if_hung(self, now_s: float) -> None:
        """Kill it if it is hung at `now_s`, and warn only once: with much memory to give back it takes a while to die. Say it of a
        detector that is waited for. Raises ProcessError for one that lives and was never ready: the next would be as slow."""
        if not self.alive or self.killed:
            return
        stopped = self._stands_still(now_s)
        if stopped or now_s > self.deadline_s():
            if self.role == "detector" and not (stopped or self.ready or self.proven):
                raise ProcessError(f"{self.name} was not ready after {now_s - self.started_s:.0f} s{self._hint}")
            silent = f"has not been heard of for {now_s - self.heard_s:.0f} s"
            late = f"was not ready after {now_s - self.started_s:.0f} s"
            why = f"{silent} and is stopped" if stopped else silent if self.ready else late
            logger.warning("%s %s: killed%s", self.name, why, "" if stopped else self._hint)
            self.killed = True
            self.kill()
        elif self._starts_slowly(now_s) and self.slow_starts.due("", now_s):
            logger.warning(
                "%s has been loading and trying its model for %.0f s; %.0f s are allowed%s",
                self.name,
                now_s - self.started_s,
                self.start_s,
                self._hint,
            )

    def _starts_slowly(self, now_s: float) -> bool:
        return self.role == "detector" and not self.ready and now_s > self.started_s + SLOW_LOAD_S

    @property
    def _hint(self) -> str:
        """The likely reason: a detector tries its network before it is ready, for a picture and for a batch."""
        if self.ready or self.role != "detector":
            return ""
        return (
            "; the model may be too slow for this machine: framehop model inspect says how long it takes for a picture"
        )

    def kill(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            self.popen.kill()

    def end(self) -> None:
        """Kill it if it still runs, and release all that belongs to it. Calling this twice is harmless."""
        if self.popen is None:
            return
        self.kill()
        try:
            self.popen.wait(KILL_S)
        except subprocess.TimeoutExpired:
            logger.error(
                "%s (process %d) was killed and does not end: look at its disk and devices", self.name, self.popen.pid
            )
        self._release()

    def reap(self, in_flight: int, *, progressed: bool) -> Incident | None:
        """Collect an ended process. Returns None when it ended as agreed; otherwise plans the next start with back-off, unless it
        was draining. `progressed`: events were written since it started."""
        assert self.popen is not None
        code = self.popen.wait()
        lived_s = time.monotonic() - self.started_s
        self._release()
        if code == 0 and (self.finished or self.draining):
            return None
        if not self.draining:
            self._plan_restart(lived_s, code, progressed)
        return Incident(
            process=self.name,
            incarnation=self.incarnation,
            signal=signal_name(-code) if code < 0 else "",
            exit_code=code if code >= 0 else None,
            in_flight=in_flight,
        )

    def _plan_restart(self, lived_s: float, code: int, progressed: bool) -> None:
        """Plan the next start: at once the first time, then after doubling pauses. Five deaths in a row without an event end the
        pipeline. A SIGKILL once it was ready comes from outside and does not count; neither does a missing broker or a name that
        another has."""
        passing = (self.ready and code == -signal.SIGKILL) or code in {UNAVAILABLE, REPLACED}
        self.stillborn = 0 if progressed else self.stillborn + (not passing)
        if self.stillborn >= STILLBORN_LIMIT:
            how = signal_name(-code) if code < 0 else f"status {code}"
            raise ProcessError(
                f"{self.name} ended {self.stillborn} times before it did anything, last with {how}: see its messages above"
                + _address_space_hint()
            )
        if lived_s > STEADY_S:
            self.delay_s = 0.0
        self._plan_start(self.delay_s)

    def _plan_start(self, delay_s: float) -> None:
        self.restart_at_s = time.monotonic() + delay_s
        self.delay_s = min(max(FIRST_DELAY_S, delay_s * 2), LONGEST_DELAY_S)

    def _release(self) -> None:
        self.popen = None
        if self.pidfd >= 0:  # it is -1 if no descriptor was left for it
            os.close(self.pidfd)
        self.pidfd = -1
        if self.channel is not None:
            self.channel.close()
            self.channel = None
