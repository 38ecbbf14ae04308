"""The interface of a kind of processes, and what the processes of a run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from framehop import _core
from framehop.errors import ProcessError
from framehop.pipeline.processes.messages import Message
from framehop.pipeline.processes.settings import Settings
from framehop.pipeline.supervisor.incarnations import Process


@dataclass(slots=True)
class Resources:
    """The things that the processes of a run share; filled when it begins. `sockets`: the runtime directory. `members`: the
    workers' names in the log's group. `rings`: one per worker. `video_bytes`: memory for each worker's decoders of films."""

    sockets: Path = Path()
    members: list[str] = field(default_factory=list)
    rings: list[_core.RingHost] = field(default_factory=list)
    video_bytes: int = 0


class Role(Protocol):
    """One kind of process. Used by the supervisor's thread alone. Every process is started again by the rule in `incarnations.py`,
    for which its kind says how long a start may take (`Process.start_s`).

    `fail_points`: the points of `FAIL_POINTS` at which a test has a process of this kind killed. `leaves_frames`: whether
    frames stay undone when a process of this kind is dead as its drain begins. `processes`: all processes of this kind that should
    run now.
    """

    fail_points: ClassVar[frozenset[str]]
    leaves_frames: ClassVar[bool]
    processes: list[Process]

    def settings(self, process: Process) -> Settings:
        """Return the settings of its next incarnation."""

    def introduce(self, process: Process, model: int) -> None:
        """Tell the other processes about one that is ready, and it about them. `model`: as in `messages.Ready`. Raises
        ProcessError."""

    def hear(self, process: Process, message: Message) -> None:
        """Take a message that only this kind of process sends. Raises ProcessError for any other."""

    def held(self, process: Process) -> int:
        """Return how many frames it had between poll and commit when it died."""

    def ended(self, process: Process) -> None:
        """Note that a process has ended, as agreed or not."""

    def died(self, process: Process) -> None:
        """Note what the unexpected end of a process says about the frames that it had. Comes after `ended`."""


def unexpected_from(process: Process, message: Message) -> ProcessError:
    return ProcessError(f"{process.name} sent an unexpected {type(message).__name__}")
