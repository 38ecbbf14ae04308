"""A ring whose pictures are sent to receivers of both kinds."""

from __future__ import annotations

from pathlib import Path

from framehop._core import (
    FrameReceiver,
    FrameSender,
    FrameTag,
    Lease,
    ReceivedFrame,
    Ring,
    RingReader,
)
from framehop.hop.plain import PlainFrame, PlainReceiver
from tests.waiting import until

ANY_PORT = "tcp://127.0.0.1:0"
SIZE = (480, 640)


class House:
    """A ring with a writer and a reader, and what is leased there."""

    def __init__(self, path: Path) -> None:
        self.ring = Ring.create(str(path), slots=12, slot_bytes=3 * SIZE[0] * SIZE[1])
        self.reader = RingReader.attach(str(path), role="detector")

    def lease(self, seq: int, stream: str = "gate") -> Lease:
        slot = self.ring.wait_acquire(FrameTag(stream, 1, seq), 30)
        assert slot is not None
        slot.array(*SIZE)[:] = seq
        ref = slot.publish()
        lease = self.reader.try_lease(ref.slot, ref.generation)
        assert lease is not None
        self.ring.retire(ref)
        return lease

    def send(self, sender: FrameSender, seq: int, note: bytes = b"") -> bool:
        with self.lease(seq) as lease:
            return sender.send(lease, note=note)

    @property
    def is_free(self) -> bool:
        return self.ring.free_slots() == self.ring.slot_count

    def close(self) -> None:
        self.reader.close()
        self.ring.close()


def meet(sender: FrameSender, receiver: FrameReceiver | PlainReceiver) -> None:
    def met() -> bool:
        sender.poll(0.005)
        receive(receiver, 0.005)
        return receiver.session != 0

    until(met, "a welcome")


def receive(receiver: FrameReceiver | PlainReceiver, timeout_s: float = 0.01) -> list[ReceivedFrame | PlainFrame]:
    if isinstance(receiver, PlainReceiver):
        frame = receiver.receive(timeout_s)
        return [] if frame is None else [frame]
    return list(receiver.poll(timeout_s)[0])


def take(sender: FrameSender, receiver: FrameReceiver | PlainReceiver) -> ReceivedFrame | PlainFrame:
    """The next frame, with the sender served meanwhile."""
    came: list[ReceivedFrame | PlainFrame] = []

    def one() -> bool:
        sender.poll(0.002)
        came.extend(receive(receiver))
        return bool(came)

    until(one, "a frame")
    (frame,) = came
    return frame
