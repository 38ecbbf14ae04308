"""A process's side of its supervisor: the signs of life that it gives, and what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable

from framehop.budgets import BEAT_S
from framehop.errors import ProcessError
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat, Message


class SupervisorLink:
    """Beats once a second and hears the supervisor. Use it from the process's main thread, which waits in its own way: until
    `fileno` is readable, for `due_s` at most.

    The process matches what it `heard` by the message's class, and raises `unexpected` for the rest.
    """

    def __init__(self, channel: Channel, beat: Callable[[], Beat] = Beat) -> None:
        """Prepare to beat; the first beat is due at once. `beat`: makes a sign of life, with the counters of that moment."""
        self._channel = channel
        self._make_beat = beat
        self._due_at_s = 0.0

    def fileno(self) -> int:
        return self._channel.fileno()

    @property
    def due_s(self) -> float:
        """Seconds until the next beat is due, never negative."""
        return max(0.0, self._due_at_s - time.monotonic())

    def beat(self) -> bool:
        """Send a sign of life now; False when the supervisor does not read at the moment."""
        self._due_at_s = time.monotonic() + BEAT_S
        return self.send(self._make_beat())

    def beat_if_due(self) -> None:
        if not self.due_s:
            self.beat()

    def send(self, message: Message) -> bool:
        """Say something; False when the supervisor does not read at the moment."""
        return self._channel.send(message)

    def heard(self) -> list[Message]:
        """Return the messages that have come. Ends the process when the supervisor is dead."""
        messages = self._channel.receive()
        if messages is None:
            child.end_with_supervisor()
        return messages


def unexpected(message: Message) -> ProcessError:
    """Return the error for a message that this kind of process does not understand."""
    return ProcessError(f"unexpected control message {type(message).__name__}")
