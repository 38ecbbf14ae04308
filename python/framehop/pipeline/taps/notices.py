"""The notices that a worker sends to taps: which pictures lie in its ring, and what was found in them. Each notice begins with the
stream's id and a NUL, by which taps choose; the rest is MessagePack. It is one part, since libzmq (4.3) aborts a process that
closes a socket while a connection ends in the middle of several."""

from __future__ import annotations

import msgspec

from framehop.errors import BadMessageError
from framehop.types import Event, FrameKey

LARGEST = 1 << 22  # an event with very many boxes


class Shown(msgspec.Struct, frozen=True, tag="shown", array_like=True):
    """A picture was published in this slot. It stays there at least until it is Known."""

    stream: str
    epoch: int
    seq: int
    slot: int
    generation: int

    @property
    def key(self) -> FrameKey:
        return FrameKey(self.stream, self.epoch, self.seq)


class Known(msgspec.Struct, frozen=True, tag="known", array_like=True):
    """The detector has answered, and this is the frame's event. It may not be in the log yet."""

    event: Event


Notice = Shown | Known

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Notice)


def notices_path(ring_path: str) -> str:
    """Return the socket of the notices about a ring, which lies beside the ring's own."""
    return f"{ring_path}.notices"


def topic_of(stream: str) -> bytes:
    """Return what a tap subscribes to: the notices of one stream or, for an empty name, of all."""
    return stream.encode() + b"\0" if stream else b""


def encode_notice(notice: Notice, stream: str) -> bytes:
    return topic_of(stream) + _encoder.encode(notice)


def parse_notice(message: bytes) -> Notice:
    """Parse a notice. Raises BadMessageError."""
    try:
        return _decoder.decode(message.partition(b"\0")[2])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessageError(f"a notice of another version of framehop: {error}") from error
