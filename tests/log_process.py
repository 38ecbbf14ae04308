"""A process that uses a log on command, one JSON line each way: for tests that kill or stop it at an exact place.

python -m tests.log_process DIR '{"session_timeout_s": 0.5}'
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from framehop import _core
from framehop.log import LogOptions, open_log
from framehop.protocols import Ack, FrameConsumer, FrameLog, FrameWriter
from framehop.types import FrameRecord, Partition, StreamState
from tests.logs import TIMEOUT_S, is_whole, make_event, make_frame, marks_after

ROOT = Path(__file__).parents[1]


class _Servant:
    """The child's side. Every command is a method."""

    def __init__(self, log: FrameLog) -> None:
        self._log = log
        self._writer: FrameWriter | None = None
        self._consumer: FrameConsumer | None = None
        self._state: StreamState | None = None
        self._polled: list[FrameRecord] = []

    def arm(self, point: str, nth: int) -> None:
        _core.arm_failpoint(point, nth)

    def open_stream(self, stream: str) -> list[int]:
        self._writer = self._log.writer()
        self._state = self._writer.open_stream(stream, source="test:", finite=True)
        return [self._state.epoch, self._state.next_seq]

    def append(self, first: int, count: int) -> list[bool]:
        assert self._writer is not None
        assert self._state is not None
        acks: list[Ack] = []
        for seq in range(first, first + count):
            self._writer.append(make_frame(self._state, seq), acks.append)
        assert self._writer.flush(TIMEOUT_S)
        return [ack.duplicate for ack in acks]

    def finish_pass(self) -> None:
        assert self._writer is not None
        assert self._state is not None
        self._writer.finish_pass(self._state.stream)
        assert self._writer.flush(TIMEOUT_S)

    def join(self, member: str) -> None:
        self._consumer = self._log.consumer("g", member=member)

    def poll(self, max_frames: int) -> list[str]:
        assert self._consumer is not None
        found = self._consumer.poll(max_frames, 0.05)
        assert all(is_whole(record) for record in found)
        self._polled += found
        return [str(record.meta.key) for record in found]

    def commit(self, writer: str) -> dict[str, Any]:
        assert self._consumer is not None
        events = [make_event(record, writer=writer) for record in self._polled]
        result = self._consumer.commit(events, marks_after(self._polled))
        return {"lost": _numbers(result.lost), "duplicates": result.duplicates, "held": self.held()}

    def held(self) -> list[int]:
        assert self._consumer is not None
        return _numbers(self._consumer.assignment)


def _numbers(partitions: Iterable[Partition]) -> list[int]:
    return sorted(partition.number for partition in partitions)


class LogProcess:
    """The test's side: starts the child, calls its commands, kills it. Use as a context manager."""

    def __init__(self, root: Path, **options: Any) -> None:
        self._process = _spawn("serve", root, options, stdin=subprocess.PIPE)

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, command: str, *args: Any) -> Any:
        """The command's answer. Raises BrokenPipeError when the process died of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *args]).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BrokenPipeError(f"the process ended with {self._process.wait(TIMEOUT_S)} in {command}")
        return json.loads(answer)

    def dies_in(self, command: str, *args: Any) -> None:
        """Call `command`: the process must be killed in the middle of it."""
        with contextlib.suppress(BrokenPipeError):
            raise AssertionError(f"{command} answered {self.call(command, *args)}")
        assert self._process.wait(TIMEOUT_S) == -signal.SIGKILL

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(TIMEOUT_S)

    def __enter__(self) -> LogProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._process:
            self._process.kill()


class Worker:
    """A child that works on its own until it is killed or done: `write` or `consume`."""

    def __init__(self, role: str, root: Path, **options: Any) -> None:
        self._process = _spawn(role, root, options, stdin=subprocess.DEVNULL)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._drain)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Kill it, unless it ended by itself; its exit status."""
        self._process.kill()
        status = self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status

    def _drain(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # the last one may be half written
                self.lines.append(line.decode().strip())


def _spawn(role: str, root: Path, options: dict[str, Any], *, stdin: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.log_process", role, str(root), json.dumps(options)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )


def _serve(log: FrameLog) -> None:
    servant = _Servant(log)
    for line in sys.stdin:
        command, *args = json.loads(line)
        _say(json.dumps(getattr(servant, command)(*args)))


def _write(log: FrameLog, streams: list[str], count: int) -> None:
    """Append up to `count` frames to each stream and say of each acknowledged one: its key, CRC32 of its bytes."""
    with log.writer() as writer:
        states = [writer.open_stream(stream, source="test:", finite=True) for stream in streams]
        for turn in range(count):
            for state in states:
                frame = make_frame(state, state.next_seq + turn)
                line = f"{frame.key} {zlib.crc32(frame.payload)}"
                writer.append(frame, lambda _ack, line=line: _say(line))  # type: ignore[misc]
        writer.flush(TIMEOUT_S)


def _consume(log: FrameLog) -> None:
    """Read and commit, in small batches, until killed."""
    with log.consumer("g", member="m") as consumer:
        while True:
            found = consumer.poll(5, 0.25)
            if found:
                consumer.commit([make_event(record, writer=str(os.getpid())) for record in found], marks_after(found))
                _say(f"committed {len(found)}")


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), line.encode() + b"\n")  # one write: a kill leaves whole lines


@contextlib.contextmanager
def _opened(root: str, options: dict[str, Any]) -> Iterator[FrameLog]:
    with open_log(root, options=LogOptions(**options)) as log:
        yield log


def main() -> None:
    role, root, text = sys.argv[1:]
    options = json.loads(text)
    streams, count = options.pop("streams", []), options.pop("count", 0)
    roles: dict[str, Callable[[FrameLog], None]] = {
        "serve": _serve,
        "write": lambda log: _write(log, streams, count),
        "consume": _consume,
    }
    with _opened(root, options) as log:
        roles[role](log)


if __name__ == "__main__":
    main()
