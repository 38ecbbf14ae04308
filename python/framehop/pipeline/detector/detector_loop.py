"""The detector's loop: descriptors from all workers → leased pictures → lanes → boxes."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

from framehop import _core
from framehop.errors import InvalidArgumentError
from framehop.inference.page_locks import PageLocks
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.detector.lanes import Lanes, Leased, Looked
from framehop.types import Detections

FORMAT: Final = "rgb8"


class DetectorLoop:
    """Leases the pictures of all workers, hands them to the lanes in the order in which they came, and answers each run when it has
    ended. It never waits for a fuller batch, and never infers itself."""

    def __init__(
        self, server: _core.HopServer, lanes: Lanes, *, ring_dir: Path, locks: PageLocks | None = None
    ) -> None:
        """Serve the workers of `server` by `lanes`, which become ours to close. `locks`: what page-locks the pixels of the rings
        for a GPU."""
        self._server = server
        self._lanes = lanes
        self._ring_dir = ring_dir
        self._locks = locks or PageLocks(None)
        self._readers: dict[int, _core.RingReader] = {}
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
        requests, hellos, ready = self._server.poll(timeout_s, [self._lanes.fileno(), *wake_fds])
        for ring_id, ring_path in hellos:
            self._attach(ring_id, ring_path)
        self._backlog.extend(requests)
        self._lanes.put(self._lease(self._lanes.room))
        self._lanes.backlog = len(self._backlog)
        for run in self._lanes.looked():
            self._answer(run)
        return [fd for fd in ready if fd in wake_fds]

    def _attach(self, ring_id: int, ring_path: str) -> None:
        """Attach a ring, but only from our own directory, because anybody who reaches the socket can say hello. Failing to attach a
        ring of ours ends this process: its pictures are good, and must not be answered as stale."""
        if ring_id in self._readers or Path(ring_path).parent != self._ring_dir:
            return
        reader = _core.RingReader.attach(ring_path, role="detector")
        if reader.ring_id == ring_id:
            self._readers[ring_id] = reader
            self._locks.lock(*reader.pixel_memory, read_only=True)
        else:
            reader.close()

    def _lease(self, room: int) -> list[Leased]:
        """Return up to `room` pictures, oldest first. A descriptor whose slot now holds another picture is answered as stale, one
        whose picture is not RGB as failed."""
        leased: list[Leased] = []
        while self._backlog and len(leased) < room:
            request = self._backlog.popleft()
            lease = self._try_lease(request)
            if lease is None:
                self._server.reply(request, status="stale")
            elif lease.ref.format != FORMAT:
                self._refuse(request, lease)
            else:
                leased.append((request, lease))
        return leased

    def _refuse(self, request: _core.FrameRequest, lease: _core.Lease) -> None:
        with lease:
            reason = f"unsupported_picture: the slot holds {lease.ref.format}, and a detector takes {FORMAT}"
        self._server.reply(request, status="failed", message=reason)

    def _try_lease(self, request: _core.FrameRequest) -> _core.Lease | None:
        reader = self._readers.get(request.ring_id)
        if reader is None or request.slot >= reader.slot_count:
            return None
        return reader.try_lease(request.slot, request.generation)

    def _answer(self, run: Looked) -> None:
        for (request, lease), found in zip(run.batch, run.found, strict=True):
            lease.release()
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
        self._locks.close()
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
