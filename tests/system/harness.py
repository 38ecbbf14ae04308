"""Real processes, and an independent look at what they left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

import framehop
from framehop.log.sqlite import connect, has_table, value
from framehop.sources import parse_source
from tests.waiting import until

FRAMEHOP = [sys.executable, "-m", "framehop"]


class House:
    """Runs framehop with a mark in its environment, by which every process of ours is found again."""

    def __init__(self, tmp_path: Path, runtime: Path) -> None:
        self.path = tmp_path
        self.log = tmp_path / "log"
        self.runtime = runtime
        self._mark = uuid.uuid4().hex
        self.env = os.environ | {
            "FRAMEHOP_TEST_MARK": self._mark,
            "XDG_RUNTIME_DIR": str(runtime),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "PYTHONFAULTHANDLER": "1",  # see tell_everything
        }
        self.env.pop("FRAMEHOP_FAIL_AT", None)
        self._started: list[subprocess.Popen[bytes]] = []
        self._made = False

    def start(
        self,
        *args: str | Path,
        fail_at: str = "",
        under: Sequence[str] = (),
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """`under`: a command that ends in running another, such as prlimit with its options."""
        env = self.env | ({"FRAMEHOP_FAIL_AT": fail_at} if fail_at else {})
        command = [*under, *FRAMEHOP, *map(str, args)]
        process = subprocess.Popen(command, env=env, cwd=self.path, stdout=stdout, stderr=stderr)
        self._started.append(process)
        return process

    def framehop(
        self, *args: str | Path, fail_at: str = "", under: Sequence[str] = (), timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*args, fail_at=fail_at, under=under)
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise AssertionError(f"framehop {args} did not end within {timeout_s} s:\n{stderr.decode()}") from None
        return subprocess.CompletedProcess(args, process.returncode, stdout.decode(), stderr.decode())

    def run(self, sources: list[str], *args: str, fail_at: str = "") -> dict[str, Any]:
        """`framehop run` to its end; returns its report."""
        report = self.path / "report.json"
        done = self.framehop(
            "run", *sources, "--log", self.log, "--rate", "max", "--report", report, *args, fail_at=fail_at
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        loaded: dict[str, Any] = json.loads(report.read_text())
        return loaded

    # ---- processes

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Our living processes; `name` is a child's, such as worker-0."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("FRAMEHOP_TEST_MARK") == self._mark
                if ours and process.status() != psutil.STATUS_ZOMBIE and (not name or name in process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait_for(self, name: str, timeout_s: float = 30) -> psutil.Process:
        until(lambda: bool(self.processes(name)), f"a process {name}", timeout_s)
        return self.processes(name)[0]

    def kill_after(self, delay_s: float, victim: str, supervisor: subprocess.Popen[bytes]) -> None:
        """Kill `supervisor`, or its child of this name. The random instant is the point: nothing is synchronised with it."""
        try:
            supervisor.wait(delay_s)
            raise AssertionError("the work was over before the kills were")
        except subprocess.TimeoutExpired:
            for process in [supervisor] if victim == "supervisor" else self.processes(victim):
                process.send_signal(signal.SIGKILL)
            if victim == "supervisor":
                supervisor.wait(10)

    def _commands(self) -> list[list[str]]:
        """Return the command lines of our living processes; one that ends meanwhile has none."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(process.cmdline())
        return found

    def assert_nothing_left(self) -> None:
        until(lambda: not self.processes(), f"the end of {self._commands()}", 30)
        until(
            lambda: not list(self.runtime.iterdir()),
            f"an empty runtime directory, not {list(self.runtime.rglob('*'))}",
            30,
        )

    def assert_only_runs(self, command: str) -> None:
        """Assert that no other process of ours is left, but for the one that removes the command's runtime directory."""
        until(lambda: self._only_runs(command), f"the end of all but {command}", 30)

    def _only_runs(self, command: str) -> bool:
        lines = self._commands()
        others = [line for line in lines if command not in line]
        return len(others) <= len(lines) - len(others) and all("framehop-janitor" in line for line in others)

    def tell_everything(self) -> None:
        """Ends every process, and prints what each had to say: where its threads stood, and its stderr before that."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                print(process.pid, process.cmdline())
                process.send_signal(signal.SIGABRT)
        for started in self._started:
            try:
                _, stderr = started.communicate(timeout=10)
            except (subprocess.TimeoutExpired, ValueError):  # ValueError: a test has read it to its end
                continue
            if stderr:
                print(started.args, stderr.decode(errors="replace")[-20_000:], sep="\n")

    def kill_everything(self) -> None:
        for process in self.processes():
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        for started in self._started:
            with contextlib.suppress(ValueError):
                started.communicate(timeout=10)

    # ---- the ledger

    def events(self) -> int:
        """Count the events of all lanes. Tests wait by this, so it takes no time from those who are waited for."""
        index = self.log / "index.db"
        if not index.exists():
            return 0
        if not self._made:  # whoever makes the log needs it alone, and waits its turn with others of framehop
            framehop.open_log(self.log, create=False).close()
            self._made = True
        with contextlib.closing(connect(index)) as db:
            return int(value(db, "SELECT count(*) FROM events")) if has_table(db, "events") else 0


def pictures_of(source: str) -> list[int]:
    """CRC-32 of every picture that `source` yields, computed here, without the pipeline."""
    return [zlib.crc32(picture.payload) for picture in parse_source(source).pictures()]


def check_ledger(log_path: Path, expected: dict[str, list[int]]) -> None:
    """The ledger property: every expected picture is in the log once, with its own bytes, and has exactly one event, in order."""
    with framehop.open_log(log_path, create=False) as log:
        pictures: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        for meta in log.scan_frames():
            record = log.read_frame(meta.pointer)
            assert record is not None, meta
            assert record.payload is not None, meta
            place = (meta.key.epoch, meta.key.seq)
            assert place not in pictures[meta.key.stream], f"{meta.key} is twice in the log"
            pictures[meta.key.stream][place] = zlib.crc32(record.payload)
        events: dict[str, list[tuple[int, int]]] = defaultdict(list)
        with log.events() as reader:
            for found in reader:
                events[found.event.stream].append((found.event.epoch, found.event.seq))
    assert set(pictures) == set(expected)
    for stream, crcs in expected.items():
        in_order = [pictures[stream][place] for place in sorted(pictures[stream])]
        assert in_order == crcs, f"{stream}: pictures lost, changed or out of order"
        assert events[stream] == sorted(pictures[stream]), f"{stream}: events lost, doubled or out of order"
