"""The detector's loop: descriptors from all workers → leased pictures → batched inference → boxes."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from framehop import _core
from framehop.errors import InvalidArgumentError
from framehop.pipeline.facts import FIRST_MODEL
from framehop.protocols import Detector
from framehop.types import Detections

Leased = tuple[_core.FrameRequest, _core.Lease]


class DetectorLoop:
    """Batches what is at hand without waiting: at low load a batch is one picture, at high load whatever has queued up."""

    def __init__(self, server: _core.HopServer, detector: Detector, *, ring_dir: Path, max_batch: int) -> None:
        self._server = server
        self._detector, self._model = detector, FIRST_MODEL
        self._ring_dir = ring_dir
        self._max_batch = max_batch
        self._readers: dict[int, _core.RingReader] = {}
        self._backlog: deque[_core.FrameRequest] = deque()

    def use(self, detector: Detector, number: int) -> Detector:
        """Use another model from the next batch on. Returns the one before, which the caller closes. Replies name `number`."""
        before, self._detector, self._model = self._detector, detector, number
        return before

    def step(self, timeout_s: float, wake_fds: list[int]) -> list[int]:
        """Wait for requests, unless some are queued, and answer one batch; returns the readable `wake_fds`."""
        requests, hellos, ready = self._server.poll(0.0 if self._backlog else timeout_s, wake_fds)
        for ring_id, ring_path in hellos:
            self._attach(ring_id, ring_path)
        self._backlog.extend(requests)
        if self._backlog:
            self._answer(self._lease())
        return ready

    def _attach(self, ring_id: int, ring_path: str) -> None:
        """Attach a ring, but only from our own directory, because anybody who reaches the socket can say hello. Failing to attach a
        ring of ours ends this process: its pictures are good, and must not be answered as stale."""
        if ring_id in self._readers or Path(ring_path).parent != self._ring_dir:
            return
        reader = _core.RingReader.attach(ring_path, role="detector")
        if reader.ring_id == ring_id:
            self._readers[ring_id] = reader
        else:
            reader.close()

    def _lease(self) -> list[Leased]:
        """Return the next batch, oldest first; a descriptor whose slot now holds another picture is answered as stale."""
        batch: list[Leased] = []
        while self._backlog and len(batch) < self._max_batch:
            request = self._backlog.popleft()
            lease = self._try_lease(request)
            if lease is None:
                self._server.reply(request, status="stale")
            else:
                batch.append((request, lease))
        return batch

    def _try_lease(self, request: _core.FrameRequest) -> _core.Lease | None:
        reader = self._readers.get(request.ring_id)
        if reader is None or request.slot >= reader.slot_count:
            return None
        return reader.try_lease(request.slot, request.generation)

    def _answer(self, batch: list[Leased]) -> None:
        if not batch:
            return
        started_ns = time.monotonic_ns()
        _core.failpoint("infer.mid")
        results = self._detect(batch)
        for (request, lease), found in zip(batch, results, strict=True):
            lease.release()
            self._reply(request, found, len(batch), (started_ns - request.received_ns) // 1000)

    def _detect(self, batch: list[Leased]) -> list[Detections]:
        """Run one batch. A failed inference is never a picture's fault: it ends this process, and its successor redoes the batch
        from the same slots. The arrays are dropped before the leases are released."""
        pictures = [lease.array() for _, lease in batch]
        return self._detector.detect(pictures, [(request.source_width, request.source_height) for request, _ in batch])

    def _reply(self, request: _core.FrameRequest, found: Detections, batch_size: int, wait_us: int) -> None:
        """Send the answer. If the hop refuses the boxes, as when the sidecar names a wrong head and scores exceed 1, the frame
        fails."""
        try:
            self._reply_boxes(request, found, batch_size, wait_us)
        except InvalidArgumentError as error:
            self._server.reply(
                request, status="failed", message=f"bad_output: {error}", batch_size=batch_size, model=self._model
            )

    def _reply_boxes(self, request: _core.FrameRequest, found: Detections, batch_size: int, wait_us: int) -> None:
        self._server.reply(
            request,
            status="failed" if found.error else "ok",
            message=found.error,
            boxes=found.boxes,
            scores=found.scores,
            label_ids=found.label_ids,
            batch_size=batch_size,
            wait_us=wait_us,
            preprocess_us=found.timings.preprocess_us,
            infer_us=found.timings.infer_us,
            postprocess_us=found.timings.postprocess_us,
            model=self._model,
        )

    def close(self) -> None:
        """Let go of the rings and of the model that runs. Closing twice is harmless."""
        self._detector.close()
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
