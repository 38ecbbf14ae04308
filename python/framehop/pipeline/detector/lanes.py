"""Lanes: threads that run the network side by side, each on the pictures that have waited longest."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from framehop import _core
from framehop.budgets import BEAT_S, HANG_S, LANES_END_S
from framehop.errors import ProcessError
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.processes.facts import FIRST_MODEL
from framehop.pipeline.processes.threads import start_threads
from framehop.pipeline.wake import Wake
from framehop.timing import Deadline
from framehop.types import Detections

Leased = tuple[_core.FrameRequest, _core.Lease]

# Batches that may wait for each lane: one that it takes when its run ends, and one more, so that the main thread has the time of a
# whole run to bring others.
_AHEAD = 2
# While many pictures wait, so many answers share a wake-up of the main thread, and of the worker's: both run in the middle of
# somebody's inference. As many more pictures are leased ahead meanwhile.
ANSWERS = 4
# So many times as long as the first batch may one take at work, where every core has others beside it, before it counts as hung.
SLOWER = 4
# A main thread that has not looked at the lanes for so long had no turn, as while another model is loaded. The lanes may have had
# none either, to say that they are done. Between two beats it looks at least once.
NO_TURN_S = 3 * BEAT_S
MANY = 16  # pictures that wait, here or with the main thread; the last of them waits far longer than an answer is held back


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The pictures of one run and what was found in them, in the same order. `model`: the number of the model that looked.
    `started_ns`: when the lane began, by the monotonic clock."""

    batch: list[Leased]
    found: list[Detections]
    model: int
    started_ns: int


@dataclass(slots=True)
class _InUse:
    """A model on the lanes. `running`: how many run it at the moment."""

    loaded: LaneModel
    number: int
    running: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A picture that no lane has begun. `until_s`: how long it may wait for others, by the monotonic clock."""

    picture: Leased
    until_s: float


class Lanes:
    """One thread per detector of the model. The main thread alone calls the methods: it puts pictures in while there is `room`, and
    takes out what was `looked` at whenever `fileno` is readable. Lanes take the oldest pictures first.

    `backlog`: how many more pictures the main thread has, which it notes. While there are many, `fileno` is not readable at the end
    of each run but once there are several answers, or no more pictures than lanes that may want one."""

    def __init__(self, loaded: LaneModel, *, max_wait_s: float = 0.0, hang_s: float = HANG_S) -> None:
        """Start the threads, from the main thread. `loaded`: becomes ours to close. `max_wait_s`: how long a picture waits at most
        for a batch to fill. `hang_s`: how long one run of the network may take at most, unless the model is so slow that it needs
        longer. Raises MemoryError when there is none for a thread."""
        self._hang_s, self._max_wait_s = hang_s, max_wait_s
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._model = _InUse(loaded, FIRST_MODEL)
        self._stopping = False
        self.backlog = 0
        self._wake = Wake()
        self._done: SimpleQueue[Looked | BaseException] = SimpleQueue()
        self._hung_at_s: dict[int, float] = {}
        self._checked_s = time.monotonic()
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"framehop-lane-{lane}", daemon=True)
            for lane in range(len(loaded.detectors))
        ]
        start_threads(self._threads)

    def fileno(self) -> int:
        return self._wake.fileno()

    @property
    def room(self) -> int:
        """The number of pictures that may be put in now, so that enough wait to keep every lane at work and no more are leased."""
        return _AHEAD * self._at_once + ANSWERS - len(self._waiting)

    @property
    def _at_once(self) -> int:
        """The number of pictures that all lanes together take."""
        return len(self._threads) * self._model.loaded.pictures

    @property
    def busy(self) -> bool:
        """Whether a lane still runs after `close`. It cannot be interrupted."""
        return any(thread.is_alive() for thread in self._threads)

    def put(self, pictures: Sequence[Leased]) -> None:
        """Put in pictures, oldest first, `room` at most. They are handed back by `looked`, or released by `close`."""
        until_s = time.monotonic() + self._max_wait_s
        with self._changed:
            self._waiting.extend(_Waiting(picture, until_s) for picture in pictures)
            self._changed.notify(len(pictures))

    def looked(self) -> list[Looked]:
        """Return the runs that have ended, in that order. Raises what a lane raised: a failed inference is never a picture's fault.
        Raises ProcessError when a lane hangs."""
        self._wake.clear()
        ended: list[Looked] = []
        while not self._done.empty():
            result = self._done.get()
            if isinstance(result, BaseException):
                raise result
            ended.append(result)
        self._check_time()
        return ended

    def use(self, loaded: LaneModel, number: int) -> None:
        """Use another model, which becomes ours to close, for all pictures that no lane has begun yet. The one before is closed by
        the last lane that runs it. No picture gets an older model than one before it, as lanes take model and pictures together."""
        with self._changed:
            before, self._model = self._model, _InUse(loaded, number)
            self._changed.notify_all()  # what waits may fill a batch of the new one
            idle = not before.running
        if idle:
            before.loaded.close()

    def close(self) -> None:
        """End the lanes, and release what waits. One that runs gets LANES_END_S to end; see `busy`. Closing twice is harmless."""
        with self._changed:
            self._stopping = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for left in waiting:
            left.picture[1].release()
        deadline = Deadline.after(LANES_END_S)
        for thread in self._threads:
            thread.join(deadline.remaining_s)
        if not self.busy:
            self._model.loaded.close()
            self._done = SimpleQueue()  # its leases go with it
            self._wake.close()

    def _check_time(self) -> None:
        now_s = time.monotonic()
        before_s, self._checked_s = self._checked_s, now_s
        if now_s - before_s > NO_TURN_S:
            return
        if any(hung_at_s < now_s for hung_at_s in list(self._hung_at_s.values())):
            limit_s = self._limit_s(self._model.loaded)
            raise ProcessError(
                f"a run of the network does not end, though it may take {limit_s:.0f} s: the detector starts anew"
            )

    def _limit_s(self, loaded: LaneModel) -> float:
        """Return how long a lane may look at what it has taken."""
        return max(self._hang_s, SLOWER * loaded.batch_s) * loaded.runs

    # ---- the lanes' own threads

    def _work(self, lane: int) -> None:
        try:
            while taken := self._take():
                self._look(lane, *taken)
                del taken  # it keeps leases and a model alive
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._done.put(error)
            self._wake.ring()

    def _take(self) -> tuple[_InUse, list[Leased]] | None:
        """Wait for pictures; return them with the model that is to look at them, or None when the lanes end."""
        with self._changed:
            while not self._stopping:
                patience_s = self._patience_s()
                if patience_s == 0:
                    return self._begin()
                self._changed.wait(patience_s)
            return None

    def _patience_s(self) -> float | None:
        """Return how long to wait before a batch begins: not at all if it is full or its oldest picture has waited long enough, and
        without end if there is no picture. Call under the lock."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._model.loaded.pictures:
            return 0
        return max(0, self._waiting[0].until_s - time.monotonic())

    def _begin(self) -> tuple[_InUse, list[Leased]]:
        """Take the oldest pictures and the model. Call under the lock."""
        model = self._model
        model.running += 1
        count = min(model.loaded.pictures, len(self._waiting))
        return model, [self._waiting.popleft().picture for _ in range(count)]

    def _look(self, lane: int, model: _InUse, batch: list[Leased]) -> None:
        started_ns = time.monotonic_ns()
        self._hung_at_s[lane] = started_ns / 1e9 + self._limit_s(model.loaded)
        try:
            _core.failpoint("infer.mid")
            found = _detect(model.loaded, lane, batch)
            self._done.put(Looked(batch=batch, found=found, model=model.number, started_ns=started_ns))
            if self._is_wanted(len(batch)):
                self._wake.ring()
        finally:
            del self._hung_at_s[lane]
            self._ran(model)

    def _is_wanted(self, pictures: int) -> bool:
        """Return whether the main thread is to come now, after a run of so many pictures. If not, it will be after another run, as
        every lane finds one more picture to look at."""
        waiting = len(self._waiting)
        held = self._done.qsize() * pictures
        return held >= ANSWERS or waiting <= self._at_once or waiting + self.backlog <= MANY

    def _ran(self, model: _InUse) -> None:
        with self._changed:
            model.running -= 1
            last = model is not self._model and not model.running
        if last:
            model.loaded.close()


def _detect(loaded: LaneModel, lane: int, batch: list[Leased]) -> list[Detections]:
    """Run one batch. The arrays are dropped before the main thread releases the leases."""
    pictures = [lease.array() for _, lease in batch]
    sizes = [(request.source_width, request.source_height) for request, _ in batch]
    return loaded.detectors[lane].detect(pictures, sizes)
