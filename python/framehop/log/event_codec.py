"""Convert events to and from JSON, and check them before they are stored."""

from __future__ import annotations

import logging

import msgspec

from framehop.errors import InvalidArgumentError, LogCorruptError
from framehop.types import Event, check_stream

_decoder = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Encode an event as JSON. Raises InvalidArgumentError when the id is not that of the event's frame and lane."""
    if event.event_id != event.key.event_id(event.lane):
        raise InvalidArgumentError(
            f"event id {event.event_id!r} is not that of frame {event.key} in lane {event.lane!r}"
        )
    check_stream(event.stream)
    return msgspec.json.encode(event)


def decode_event(raw: bytes, offset: int) -> Event:
    """Decode an event and ignore unknown fields. Raises LogCorruptError."""
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise LogCorruptError(f"event {offset} of the log cannot be read: {error}") from error


def level_of(passed_over: int) -> int:
    """Return how loudly a reader tells of an event that it passes over, when it had passed over so many: it warns of the first, the
    second, the fourth and so on, since a later version may write hundreds a second."""
    count = passed_over + 1
    return logging.WARNING if count & (count - 1) == 0 else logging.DEBUG
