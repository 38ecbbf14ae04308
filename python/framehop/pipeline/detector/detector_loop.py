"""The detector's loop: descriptors from all workers → leased pictures → lanes → boxes."""

from __future__ import annotations

import logging
import time
from collections import deque
from pathlib import Path
from typing import Final

from framehop import _core
from framehop.errors import InvalidArgumentError
from framehop.inference.page_locks import PageLocks
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.detector.lanes import Lanes, Leased, Looked
from framehop.pipeline.detector.rings import Rings
from framehop.timing import Deadline, Reminder
from framehop.types import Detections

logger = logging.getLogger(__name__)

FORMAT: Final = "rgb8"
ATTACH_S = (
    1.0  # for all who come at once: the hosts of rings are no slower, and a stopped one must not hold the others up
)


class DetectorLoop:
    """Leases the pictures of all workers, hands them to the lanes in the order in which they came, and answers each run when it has
    ended. It never waits for a fuller batch, and never infers itself."""

    def __init__(
        self, server: _core.HopServer, lanes: Lanes, *, ring_dir: Path, locks: PageLocks | None = None
    ) -> None:
        """Serve the workers of `server` whose rings lie in `ring_dir`, by `lanes`, which become ours to close. `locks`: what
        page-locks the pixels of the rings for a GPU."""
        self._server = server
        self._lanes = lanes
        self._rings = Rings(ring_dir, locks or PageLocks(None))
        self._sent_away = Reminder()
        self._backlog: deque[_core.FrameRequest] = deque()

    def use(self, loaded: LaneModel, number: int) -> None:
        """Use another model for every picture that no lane has begun yet; see Lanes.use. Its replies name `number`."""
        self._lanes.use(loaded, number)

    @property
    def busy(self) -> bool:
        """Whether a lane still runs after `close`. It cannot be interrupted."""
        return self._lanes.busy

    def step(self, timeout_s: float, wake_fds: list[int]) -> list[int]:
        """Wait for requests or for a lane that is done, keep the lanes at work, and answer; returns the readable `wake_fds`. Raises
        what a lane raised."""
        requests, greetings, ready = self._server.poll(timeout_s, [self._lanes.fileno(), *wake_fds])
        self._greet(greetings)
        self._backlog.extend(requests)
        self._lanes.put(self._lease(self._lanes.room))
        self._lanes.backlog = len(self._backlog)
        for run in self._lanes.looked():
            self._answer(run)
        return [fd for fd in ready if fd in wake_fds]

    def _greet(self, greetings: list[_core.HopGreeting]) -> None:
        """Attach the rings of workers that have come, as many as there is time for. Who cannot be served is sent away: its pictures
        are good, and must not be answered as stale."""
        deadline = Deadline.after(ATTACH_S)
        for greeting in greetings:
            if why := self._rings.attach(greeting.ring_id, greeting.ring_path, deadline.remaining_s):
                self._server.disconnect(greeting.peer)
                self._say(why)

    def _say(self, why: str) -> None:
        """Warn, but ever more rarely of the same: anybody may come without end, also between others who are served."""
        if self._sent_away.due(why, time.monotonic()):
            logger.warning("a worker is sent away, and may come again: %s", why)

    def _lease(self, room: int) -> list[Leased]:
        """Return up to `room` pictures, oldest first. A descriptor whose slot now holds another picture is answered as stale, one
        whose picture is not RGB as failed. Who names a ring that is not attached is sent away."""
        leased: list[Leased] = []
        while self._backlog and len(leased) < room:
            request = self._backlog.popleft()
            lease = self._rings.try_lease(request)
            if lease is None:
                self._pass_by(request)
            elif lease.ref.format != FORMAT:
                self._refuse(request, lease)
            else:
                leased.append((request, lease))
        return leased

    def _pass_by(self, request: _core.FrameRequest) -> None:
        """Answer as stale. That must not reach a worker whose ring is not attached: once a worker was sent away, libzmq connects
        again by itself, and hands on what it still had of it, without a hello."""
        if request.ring_id not in self._rings:
            self._server.disconnect(request.peer)
        self._server.reply(request, status="stale")  # ends the booking of who is gone, too

    def _refuse(self, request: _core.FrameRequest, lease: _core.Lease) -> None:
        reason = f"unsupported_picture: the slot holds {lease.ref.format}, and a detector takes {FORMAT}"
        self._rings.give_back(request, lease)
        self._server.reply(request, status="failed", message=reason)

    def _answer(self, run: Looked) -> None:
        for (request, lease), found in zip(run.batch, run.found, strict=True):
            self._rings.give_back(request, lease)
            self._reply(request, found, run)

    def _reply(self, request: _core.FrameRequest, found: Detections, run: Looked) -> None:
        """Send the answer. If the hop refuses the boxes, as when the sidecar names a wrong head and scores exceed 1, the frame
        fails."""
        try:
            self._reply_boxes(request, found, run)
        except InvalidArgumentError as error:
            self._server.reply(
                request, status="failed", message=f"bad_output: {error}", batch_size=len(run.batch), model=run.model
            )

    def _reply_boxes(self, request: _core.FrameRequest, found: Detections, run: Looked) -> None:
        self._server.reply(
            request,
            status="failed" if found.error else "ok",
            message=found.error,
            boxes=found.boxes,
            scores=found.scores,
            label_ids=found.label_ids,
            batch_size=len(run.batch),
            wait_us=(run.started_ns - request.received_ns) // 1000,
            preprocess_us=found.timings.preprocess_us,
            infer_us=found.timings.infer_us,
            postprocess_us=found.timings.postprocess_us,
            model=run.model,
        )

    def close(self) -> None:
        """Let go of the lanes with their model, and of the rings. Closing twice is harmless."""
        self._lanes.close()
        self._rings.close()
