"""One epoch of a live stream on its way into the log: what the source gave, what is on disk, what was sent, what has arrived."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from framehop.account import IngestAccount
from framehop.errors import FramehopError
from framehop.log.spool.rows import Epoch
from framehop.log.spool.store import SpoolStore
from framehop.protocols import Ack
from framehop.types import Frame, Place

SLOW_S = 1.0  # a healthy log acknowledges within milliseconds
PATIENCE_S = 1.0  # how long a source waits for room in the log's queue before its stream goes to disk


class Waiting(NamedTuple):
    """A frame that nobody has acknowledged yet."""

    frame: Frame
    on_ack: Callable[[Ack], None] | None


class Flight(NamedTuple):
    """A frame that the log's client has. `since_s`: on the monotonic clock."""

    seq: int
    size: int
    since_s: float


@dataclass(slots=True)
class Passage:
    """The passage of one epoch. All of it is guarded by the writer's lock, except `sending` and `telling`, which are taken first.

    Seqs: `accepted` is the last that the source gave, `sent` the last that the log's client got, `arrived` the last that the log
    has and `removed` the last that has left the store since, `given` the last that the store got and `kept` the last that it has.
    `waiting`: frames of which neither log nor store has said yet that they have them. `stored`: the store knows the epoch.
    `recovered`: it is known how much of it a process that was killed has sent.
    `spooling`: frames go through the store. They may go straight into the log only while everything before them has been sent, so
    the order holds. `before`: an earlier epoch of the stream that may have to be sent first. `own`: the source is one of this
    process. `sending`: who sends holds it, so that the two ways never cross. `telling`: who tells the source holds it, as the
    log's thread and the store's both do, and a source is told by one at a time.
    """

    stream: str
    epoch: int
    store: SpoolStore | None
    labels: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None
    before: Passage | None = None
    own: bool = True
    open: bool = True
    spooling: bool = False
    recovered: bool = True
    accepted: int = -1
    sent: int = -1
    arrived: int = -1
    removed: int = -1
    given: int = -1
    kept: int = -1
    stored: bool = False
    taken: int = 0
    acked: int = 0
    waiting: dict[int, Waiting] = field(default_factory=dict)
    flights: deque[Flight] = field(default_factory=deque)
    flying_bytes: int = 0
    refused_s: float | None = None
    failure: FramehopError | None = None
    account: IngestAccount | None = None
    account_at: int = 0
    sending: threading.Lock = field(default_factory=threading.Lock)
    telling: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> Epoch:
        return self.stream, self.epoch

    @property
    def caught_up(self) -> bool:
        """Whether the log's client has every frame."""
        return self.sent == self.accepted

    @property
    def is_next(self) -> bool:
        """Whether every earlier epoch of its stream was sent, or has failed: a decoder follows one epoch of a stream at a time."""
        while self.before is not None and (self.before.caught_up or self.before.failure is not None):
            self.before = self.before.before
        return self.before is None

    @property
    def done(self) -> bool:
        """Whether every frame of the passage is in the log, or accounted for."""
        return self.caught_up and not self.flights and not self.waiting

    @property
    def settled(self) -> bool:
        """Whether the passage is done, and no frame of it is in the store or on its way there."""
        return self.done and (self.store is None or (self.given == self.kept and not self.stored))

    @property
    def is_slow(self) -> bool:
        """Whether the log has not acknowledged the oldest frame for too long."""
        return bool(self.flights) and time.monotonic() - self.flights[0].since_s >= SLOW_S

    def take(self, frame: Frame, on_ack: Callable[[Ack], None] | None) -> None:
        """Count a frame that the source gives."""
        self.accepted = max(self.accepted, frame.key.seq)
        self.taken += 1
        self.waiting[frame.key.seq] = Waiting(frame, on_ack)

    def take_back(self, frame: Frame) -> None:
        """Give the last frame back to the source: there was no room for it."""
        self.accepted = frame.key.seq - 1
        self.taken -= 1
        self.waiting.pop(frame.key.seq, None)

    def fly(self, seq: int, size: int) -> None:
        """Count a frame that goes to the log's client."""
        self.sent = max(self.sent, seq)
        self.flights.append(Flight(seq, size, time.monotonic()))
        self.flying_bytes += size

    def turn_back(self, before: int) -> None:
        """Take the newest flight back: the client had no room."""
        self.sent = before
        self.flying_bytes -= self.flights.pop().size

    def land(self, seq: int) -> None:
        """Count a frame that the log has, and those before it."""
        while self.flights and self.flights[0].seq <= seq:
            self.flying_bytes -= self.flights.popleft().size
        self.arrived = max(self.arrived, seq)
