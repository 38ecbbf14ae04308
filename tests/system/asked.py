"""A command that runs, and is asked and told things while it does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_streams
from framehop.pipeline.control_plane.requests import (
    PUBLICATION,
    AddStreams,
    Change,
    ChangeStreams,
    Publication,
    StreamRequest,
    StreamsRequest,
)
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.sources import SourceSpec
from tests.system.harness import House
from tests.tiny_model import write_model
from tests.waiting import until

ANSWER_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command that runs, and its streams as its control socket tells them: quicker than by another command."""

    process: subprocess.Popen[bytes]
    found: PublishedPipeline

    def _ask(self, request: StreamRequest) -> dict[str, StreamStatus]:
        return {status.stream: status for status in ask_streams(self.found, request, ANSWER_S).streams}

    def streams(self) -> dict[str, StreamStatus]:
        return self._ask(StreamsRequest())

    def phases(self) -> dict[str, str]:
        return {name: status.phase for name, status in self.streams().items()}

    def add(self, stream: str, source: str, rate: str = "20") -> None:
        assert set(self._ask(AddStreams(sources=[SourceSpec(source=source, stream=stream)], rate=rate))) == {stream}

    def change(self, change: Change, *streams: str) -> dict[str, StreamStatus]:
        return self._ask(ChangeStreams(change=change, streams=list(streams)))

    def wait_for(self, stream: str, done: Callable[[StreamStatus], bool]) -> None:
        until(lambda: done(self.streams()[stream]), f"stream {stream}", 60)

    @property
    def named(self) -> tuple[str, str]:
        """The option that names it, as other pipelines of this user may run."""
        return "--pipeline", str(self.process.pid)

    def line(self, text: str) -> str:
        """Return the next line of its stderr that has this text."""
        assert self.process.stderr is not None
        lines = (line.decode() for line in self.process.stderr)
        return next(line for line in lines if text in line)


@contextmanager
def running(house: House, command: str, *words: str | Path, at: Sequence[str | Path] = ()) -> Iterator[Asked]:
    """A command that can be asked. `at`: its log and model, by default those of the house. It is ended at the end unless it has
    ended by itself."""
    model = ("--model", write_model(house.path)) if command == "run" else ()
    process = house.start(command, *words, *(at or ("--log", house.log, *model)))
    until(lambda: _found(house, process) or process.poll() is not None, "a pipeline", 60)
    yield Asked(process=process, found=_found(house, process)[0])
    if process.poll() is None:
        process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()


def _found(house: House, process: subprocess.Popen[bytes]) -> list[PublishedPipeline]:
    published = [
        PublishedPipeline(directory=path.parent, publication=Publication(**json.loads(path.read_bytes())))
        for path in house.runtime.glob(f"framehop-*/{PUBLICATION}")
    ]
    return [found for found in published if found.publication.pid == process.pid]


def running_with_frames(status: StreamStatus) -> bool:
    return status.phase == "running" and status.acked > 2
