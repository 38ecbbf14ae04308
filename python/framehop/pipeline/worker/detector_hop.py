"""The worker's end of the hop: which frames are still to be sent, which have no answer, and the connection to their detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from framehop import _core
from framehop.decode import Decoded
from framehop.pipeline.processes.messages import DetectorAt
from framehop.pipeline.wake import readable
from framehop.timing import Deadline

RECONNECT_S = 0.5  # between two connections to the same detector


class DetectorHop:
    """Every frame between decode and answer: it waits here for the detector's credit, then for its answer, and is sent again to
    the detector's successor. Used by the worker's main thread alone. Borrows the ring, whose slots keep the pictures meanwhile."""

    def __init__(self, ring: _core.Ring, ring_path: str) -> None:
        self._ring, self._ring_path = ring, ring_path
        self._client: _core.HopClient | None = None
        self._detector: DetectorAt | None = None
        self._rest = Deadline.after(0.0)
        self._sent: dict[tuple[int, int], Decoded] = {}
        self._unsent: deque[Decoded] = deque()
        self.resent = 0

    def turn_to(self, detector: DetectorAt) -> None:
        """Send to this detector from now on, also what another one has not answered."""
        before, self._detector = self._detector, detector
        if before is None or before.address != detector.address:
            self._connect(detector)

    def _connect(self, detector: DetectorAt) -> None:
        """Connect to a detector and queue all unanswered frames for it, from their slots, oldest first.

        It may be the same detector as before: one that was stopped for seconds loses its connections, and later goes on; one that
        cannot attach our ring at the moment ends them.
        """
        self.close()
        self._rest = Deadline.after(RECONNECT_S)
        self._client = _core.HopClient(detector.address, ring_path=self._ring_path, ring_id=self._ring.ring_id)
        self.resent += len(self._sent)
        self._unsent.extendleft(reversed(self._sent.values()))
        self._sent.clear()

    def wait(self, timeout_s: float, wakes: Sequence[int]) -> tuple[list[_core.HopReply], set[int]]:
        """Wait for answers, or until one of the descriptors `wakes` is readable; returns the answers and these descriptors. Pass
        every answer to `take` before `mend`, which would send its frame again."""
        if self._client is None:
            return [], readable(wakes, timeout_s)
        if self._client.lost:
            timeout_s = min(timeout_s, self._rest.remaining_s)
        replies, woken = self._client.poll(timeout_s, wakes)
        return replies, set(woken)

    def take(self, reply: _core.HopReply) -> Decoded | None:
        """Return the frame of an answer. None for an answer that came late or twice: no frame waits for it."""
        frame = self._sent.pop((reply.slot, reply.generation), None)
        if frame is not None:
            self._ring.retire(frame.ref)
        return frame

    def mend(self) -> None:
        """Connect anew if the connection is lost, but not at once after the last time."""
        if self._client is not None and self._client.lost and self._detector is not None and self._rest.expired:
            self._connect(self._detector)

    def send(self, frames: Sequence[Decoded]) -> None:
        """Send as many descriptors as the detector has credit for, in one message; `frames` after those that wait already."""
        self._unsent.extend(frames)
        if self._client is None or not self._unsent:
            return
        room = self._client.credits - len(self._sent)
        chosen = [self._unsent[i] for i in range(min(room, len(self._unsent)))]
        if not chosen:
            return
        _core.failpoint("decode.done")
        if self._client.send([frame.ref for frame in chosen], [frame.size for frame in chosen]):
            for frame in chosen:
                self._unsent.popleft()
                self._sent[frame.ref.slot, frame.ref.generation] = frame
            _core.failpoint("hop.sent")

    def close(self) -> None:
        """Close the connection. Closing twice is harmless."""
        if self._client is not None:
            self._client.close()
