"""Live pictures of a running pipeline on this host, with what was found in them, for another process.

    with framehop.attach() as tap:
        frame = tap.newest("gate-1")

A tap leases slots of the workers' rings beyond those that the pipeline uses, so it never takes one from it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import zmq

from framehop import _core
from framehop.errors import BadMessageError, ClosedError, ProcessError
from framehop.pipeline.control_plane.asking import ask_rings, the_pipeline
from framehop.pipeline.taps.notices import LARGEST, Known, Notice, Shown, notices_path, parse_notice, topic_of
from framehop.types import Event, FrameKey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT = 256  # notices of a ring that wait here while nobody asks
PENDING_S = 10.0  # how long a picture is held whose event does not come: its worker may have died
TAP_LOOK_S = 1.0
MANY = 256  # no tap quota is larger
DESCRIPTORS = 16  # libzmq's, and a few for the first ring; it aborts a process that has none left


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFrame:
    """A picture as the detector saw it, and its event. Its slot is taken until `release`, and until the last array over it is gone;
    a tap has few slots, so let go of one frame before you wait for the next but one. Boxes are in pixels of the source: where a
    picture was scaled, `scale` times one is a position in `pixels`."""

    event: Event
    lease: _core.Lease

    @property
    def key(self) -> FrameKey:
        return self.event.key

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Read-only uint8 [height, width, 3], RGB, without a copy. Raises ClosedError after `release`."""
        return self.lease.array()

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the picture for one of the source, across and down."""
        return self.lease.ref.width / self.event.width, self.lease.ref.height / self.event.height

    def release(self) -> None:
        self.lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


class _RingTap:
    """One worker's ring and the notices about it."""

    def __init__(self, path: str, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.missed = 0
        self._held: dict[FrameKey, tuple[_core.Lease, float]] = {}
        self.socket: zmq.Socket[bytes] = context.socket(zmq.SUB)
        try:
            for option, value in ((zmq.LINGER, 0), (zmq.RCVHWM, KEPT), (zmq.MAXMSGSIZE, LARGEST)):
                self.socket.set(option, value)
            self.socket.connect(f"ipc://{notices_path(path)}")
            self.reader = _core.RingReader.attach(path, role="tap")
        except BaseException:
            self.socket.close()
            raise

    def forget(self) -> None:
        """Let go of what is held, and of notices that have waited."""
        self._held.clear()
        while self._notice() is not None:
            pass

    def leave(self, stream: str) -> None:
        """Hear nothing more of a stream, and let go of what is held of it: its event would not come any more."""
        self.socket.unsubscribe(topic_of(stream))
        for key in [key for key in self._held if stream in ("", key.stream)]:
            del self._held[key]

    def next(self, streams: Collection[str], most: int) -> LiveFrame | None:
        """Take what has come, up to the first frame that is complete. `most`: pictures held that wait for their event."""
        while (notice := self._notice()) is not None:
            match notice:
                case Shown() if not streams or notice.stream in streams:
                    self._hold(notice, most)
                case Known(event) if (held := self._held.pop(event.key, None)) is not None:
                    return LiveFrame(event=event, lease=held[0])
        return None

    def _hold(self, shown: Shown, most: int) -> None:
        now_s = time.monotonic()
        for key in [key for key, (_, due_s) in self._held.items() if due_s < now_s]:
            del self._held[key]
        lease = self._leased(shown) if len(self._held) < most else None
        if lease is None:
            self.missed += 1
        else:
            self._held[shown.key] = (lease, now_s + PENDING_S)

    def _leased(self, shown: Shown) -> _core.Lease | None:
        """Lease the slot, if it has what the notice says: the slot knows, and a notice only claims."""
        lease = self.reader.try_lease(shown.slot, shown.generation)
        if lease is not None and FrameKey(lease.tag.stream, lease.tag.epoch, lease.tag.seq) != shown.key:
            lease.release()
            return None
        return lease

    def _notice(self) -> Notice | None:
        """Take one notice; those that do not parse are left out."""
        while True:
            try:
                return parse_notice(b"".join(self.socket.recv_multipart(zmq.NOBLOCK)))
            except zmq.Again:
                return None
            except BadMessageError:
                self.missed += 1

    def close(self) -> None:
        self._held.clear()
        self.socket.close()
        self.reader.close()


class Tap:
    """Live frames of a pipeline's rings. Use from one thread. Closing twice is harmless."""

    def __init__(self, rings: list[str]) -> None:
        """`rings`: their sockets, as the pipeline names them. Raises RefusedError where the tap quota is used up, and
        SystemCallError."""
        _core.need_descriptors(DESCRIPTORS + 4 * len(rings), "a tap")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._rings: list[_RingTap] = []
        self._listening: set[str] = set()
        self._closed = False
        try:
            for path in rings:
                self._rings.append(_RingTap(path, self._context))
        except BaseException:
            self.close()
            raise

    @property
    def missed(self) -> int:
        """Number of pictures that were seen to come but not taken: the tap had no slot for them, or was not asked in time."""
        return sum(ring.missed for ring in self._rings)

    @property
    def alive(self) -> bool:
        """Whether the pipeline still runs, or all of them whose rings these are."""
        # Each is asked: the descriptor of one that is not stays readable, and who waits for it would never sleep again.
        return bool(self._rings) and all([ring.reader.alive for ring in self._rings])  # noqa: C419

    def newest(self, stream: str = "", timeout_s: float = 5.0) -> LiveFrame | None:
        """Return the next frame of a stream to be detected from now on, of any for an empty name; None if none comes in time. What
        came before this call is not returned. Raises ProcessError when the pipeline has ended."""
        self.listen(stream)
        for ring in self._rings:
            ring.forget()
        return self.wait(_named(stream), timeout_s)

    def frames(self, stream: str = "", *, every: bool = False) -> Iterator[LiveFrame]:
        """Yield frames until the pipeline ends; those between are left out while you are busy. `every`: hold as many pictures as
        the tap quota allows, so that fewer are. Let go of each frame before the next; `missed` counts those left out."""
        self.listen(stream)
        while self.alive:
            try:
                frame = self.wait(_named(stream), TAP_LOOK_S, every=every)
            except ProcessError:  # it has ended meanwhile
                return
            if frame is not None:
                yield frame

    def listen(self, *streams: str) -> None:
        """Have the workers tell of these streams from now on; an empty name means all. `newest` and `frames` do it by
        themselves."""
        if self._closed:
            raise ClosedError("this tap is closed")
        for stream in set(streams) - self._listening:
            self._listening.add(stream)
            for ring in self._rings:
                ring.socket.subscribe(topic_of(stream))

    def listen_only(self, streams: Collection[str]) -> None:
        """Have the workers tell of these streams, and of no others any more."""
        for stream in self._listening.difference(streams):
            self._listening.remove(stream)
            for ring in self._rings:
                ring.leave(stream)
        self.listen(*streams)

    def hush(self) -> None:
        """Have the workers tell nothing more, until `listen`, and let go of what waits."""
        self.listen_only(())
        for ring in self._rings:
            ring.forget()

    def wait(self, streams: Collection[str], timeout_s: float, *, every: bool = False) -> LiveFrame | None:
        """Wait for the next frame of these streams, of any if there are none, after `listen`; None if none comes in time. Raises
        ProcessError when the pipeline has ended."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            for ring in self._rings:
                if (frame := ring.next(streams, MANY if every else 1)) is not None:
                    return frame
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            self._sleep(min(left_s, TAP_LOOK_S))

    def _sleep(self, timeout_s: float) -> None:
        poller = zmq.Poller()
        for ring in self._rings:
            poller.register(ring.socket, zmq.POLLIN)
            poller.register(ring.reader.fileno(), zmq.POLLIN)
        poller.poll(int(timeout_s * 1000) + 1)
        if not self.alive:
            raise ProcessError("the pipeline has ended")

    def filenos(self) -> list[int]:
        """Return descriptors of which one becomes readable when there may be something to take. Call `wait` with no time until it
        returns None before each look at them, or they stay silent."""
        return [fd for ring in self._rings for fd in (int(ring.socket.getsockopt(zmq.FD)), ring.reader.fileno())]

    def close(self) -> None:
        """Let go of everything but frames that were handed out."""
        self._closed = True
        for ring in self._rings:
            ring.close()
        self._rings.clear()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _named(stream: str) -> tuple[str, ...]:
    return (stream,) if stream else ()


def attach(pipeline: str = "") -> Tap:
    """Attach to a running pipeline of this user on this host. `pipeline`: its process number or lane, as `framehop status` shows
    them; not needed if there is one. Raises ProcessError when there is none or it does not answer, and RefusedError when its tap
    quota is used up by other taps."""
    return Tap(ask_rings(the_pipeline(pipeline, ("pipeline", "detect"))).rings)
