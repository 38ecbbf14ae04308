"""Frames, events, gaps and dead letters as Kafka records: CloudEvents 1.0, Kafka binding, binary mode.

The value of a frame record is the picture and nothing else, so that any consumer can open it. A record of a topic may have been
written by anyone: nothing here trusts it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal

import msgspec
from confluent_kafka import Message

from framehop.errors import FramehopError, InvalidArgumentError
from framehop.log.event_codec import encode_event
from framehop.types import (
    CaptureClock,
    DeadLetter,
    Event,
    EventRecord,
    Frame,
    FrameKey,
    FrameMeta,
    FramePointer,
    Gap,
    check_stream,
    parse_rfc3339,
    rfc3339,
)

Headers = list[tuple[str, str | bytes | None]]
Record = tuple[bytes, Headers]  # value and headers

FRAME = "io.framehop.frame.v1"
EVENT = "io.framehop.event.v1"
GAP = "io.framehop.gap.v1"
DEAD_LETTER = "io.framehop.deadletter.v1"

MAX_INT = 1 << 53  # every reader of JSON represents this exactly
MAX_SIDE = 1 << 24
MAX_ORIGIN = 1024
STREAMS = 8192  # more streams than one process has

_event_decoder = msgspec.json.Decoder(Event)
_gap_decoder = msgspec.json.Decoder(Gap)


class NotOursError(FramehopError):
    """A record in a topic of ours is broken or was not written by framehop; the message says what is wrong with it."""


# ---- frames


def frame_headers(frame: Frame, *, error: str = "") -> Headers:
    """Return a frame's headers. `error`: why the record has no picture, when the broker does not take the frame itself."""
    key, error = frame.key, frame.error or error
    headers: Headers = [
        *_lasting_headers(key.stream, key.epoch, frame.content_type, frame.clock, keyframe=frame.keyframe),
        ("ce_width", str(frame.width)),
        ("ce_height", str(frame.height)),
        ("ce_id", str(key)),
        ("ce_time", rfc3339(frame.captured_us)),
        ("ce_received", rfc3339(frame.received_us)),
        ("ce_sequence", str(key.seq)),
        ("traceparent", frame.traceparent),
    ]
    if error:
        headers.append(("ce_error", error))
    if frame.origin:
        headers.append(("ce_origin", frame.origin))
    return headers


@functools.lru_cache(maxsize=STREAMS)
def _lasting_headers(
    stream: str, epoch: int, content_type: str, clock: CaptureClock, *, keyframe: bool
) -> tuple[tuple[str, str], ...]:
    """Return the headers that a stream's frames share with the frame before."""
    return (
        ("content-type", content_type),
        ("ce_specversion", "1.0"),
        ("ce_type", FRAME),
        ("ce_source", f"/streams/{stream}"),
        ("ce_epoch", str(epoch)),
        ("ce_keyframe", "true" if keyframe else "false"),
        ("ce_clock", clock),
    )


def parse_frame(message: Message) -> FrameMeta:
    """Parse the headers of a record of a frames topic. Raises NotOursError."""
    headers = _headers(message)
    if headers.get("ce_type") != FRAME:
        raise NotOursError(f"its ce_type is {headers.get('ce_type', 'missing')[:64]!r}, not {FRAME}")
    appended_us = appended_at(message)
    received_us = _time(headers, "ce_received", appended_us)
    clock: CaptureClock = "camera" if headers.get("ce_clock") == "camera" else "ingest"
    return FrameMeta(
        key=FrameKey(_stream(message), _number(headers, "ce_epoch"), _number(headers, "ce_sequence")),
        pointer=pointer_of(message),
        captured_us=_time(headers, "ce_time", received_us),
        received_us=received_us,
        appended_us=appended_us,
        clock=clock,
        content_type=headers.get("content-type", ""),
        keyframe=headers.get("ce_keyframe", "true") == "true",
        width=_number(headers, "ce_width", 0, MAX_SIDE),
        height=_number(headers, "ce_height", 0, MAX_SIDE),
        payload_bytes=len(message),
        traceparent=headers.get("traceparent", "")[:64],
        error=headers.get("ce_error", "")[:512],
        origin=headers.get("ce_origin", "")[:MAX_ORIGIN],
    )


def origin_of(message: Message) -> str:
    """Return a frame's origin, which names its picture within the source; else empty."""
    return _headers(message).get("ce_origin", "")


def payload_of(message: Message, meta: FrameMeta) -> memoryview | None:
    """Return the picture, or the available bytes of a broken one; None for a record whose picture is not here."""
    value = message.value() or b""
    return memoryview(value) if value or not meta.error else None


def pointer_of(message: Message) -> FramePointer:
    return FramePointer(topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0)


def appended_at(message: Message) -> int:
    """Return when the broker appended the record, microseconds since 1970."""
    return int(message.timestamp()[1]) * 1000


# ---- events, gaps


def event_record(event: Event) -> Record:
    """Return value and headers. Raises InvalidArgumentError when the id is not that of the event's frame and lane."""
    return encode_event(event), _json_headers(EVENT, f"/streams/{event.stream}", event.event_id)


def gap_record(gap: Gap) -> Record:
    """Return the record of a gap, which is one of offsets, or of seqs if it names a stream."""
    seqs = f"{gap.stream}/{gap.epoch}/{gap.first_seq}-{gap.last_seq}"
    identity = seqs if gap.stream else f"{gap.topic_partition}/{gap.first_offset}-{gap.last_offset}"
    return msgspec.json.encode(gap), _json_headers(GAP, f"/topics/{gap.topic}/{gap.partition}", identity)


def parse_outcome(message: Message) -> EventRecord | Gap:
    """Parse a record of the detections topic. Raises NotOursError."""
    headers = _headers(message)
    raw = message.value() or b""
    try:
        match headers.get("ce_type"):
            case "io.framehop.event.v1":
                return EventRecord(
                    event=_event_decoder.decode(raw),
                    raw=raw,
                    offset=message.offset() or 0,
                    appended_us=appended_at(message),
                    partition=message.partition() or 0,
                )
            case "io.framehop.gap.v1":
                return _gap_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise NotOursError(f"its JSON is not what its ce_type says: {error}") from error
    raise NotOursError(f"its ce_type is {headers.get('ce_type', 'missing')[:64]!r}, not {EVENT} or {GAP}")


# ---- dead letters


class DeadLetterBody(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a dead letter. `event`: the `failed` event, absent for a record that was no frame."""

    reason: str
    kind: Literal["frame", "record"]
    attempts: int
    record: FramePointer
    event: Event | None = None

    @property
    def public(self) -> DeadLetter:
        place = f"{self.record.topic}/{self.record.partition}/{self.record.offset}"
        identity = self.event.event_id if self.event else place
        return DeadLetter(id=identity, reason=self.reason, attempts=self.attempts, record=self.record, event=self.event)


_letter_decoder = msgspec.json.Decoder(DeadLetterBody)


def letter_of_event(event: Event) -> Record:
    body = DeadLetterBody(reason=event.reason, kind="frame", attempts=event.attempts, record=event.frame, event=event)
    return msgspec.json.encode(body), _json_headers(DEAD_LETTER, f"/streams/{event.stream}", event.event_id)


def letter_of_record(pointer: FramePointer, reason: str) -> Record:
    body = DeadLetterBody(reason=reason, kind="record", attempts=1, record=pointer)
    place = f"{pointer.topic}/{pointer.partition}/{pointer.offset}"
    return msgspec.json.encode(body), _json_headers(DEAD_LETTER, f"/topics/{pointer.topic}", place)


def parse_letter(message: Message) -> DeadLetterBody:
    """Parse a dead letter. Raises NotOursError."""
    try:
        return _letter_decoder.decode(message.value() or b"")
    except msgspec.MsgspecError as error:
        raise NotOursError(f"it is not a dead letter: {error}") from error


# ---- pieces


def _json_headers(kind: str, source: str, identity: str) -> Headers:
    return [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_type", kind),
        ("ce_source", source),
        ("ce_id", identity),
    ]


def _headers(message: Message) -> Mapping[str, str]:
    """Return the headers as text; the last one wins if a name comes twice. Raises NotOursError."""
    try:
        found = message.headers() or []
        return {
            name: value if isinstance(value, str) else (value or b"").decode() for name, value in dict(found).items()
        }
    except UnicodeDecodeError as error:
        raise NotOursError("a header is not UTF-8") from error


def _stream(message: Message) -> str:
    key = message.key() or b""
    try:
        return check_stream(key.decode() if isinstance(key, bytes) else key)
    except (UnicodeDecodeError, InvalidArgumentError) as error:
        raise NotOursError(f"its key {key[:64]!r} is not a stream id") from error


def _number(headers: Mapping[str, str], name: str, default: int | None = None, below: int = MAX_INT) -> int:
    text = headers.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) < below):
        raise NotOursError(f"its header {name} is {text[:32]!r}, not a number from 0 to {below - 1}")
    return int(text)


def _time(headers: Mapping[str, str], name: str, default: int) -> int:
    text = headers.get(name, "")
    try:
        return parse_rfc3339(text) if text else default
    except InvalidArgumentError as error:
        raise NotOursError(f"its header {name} is {text[:32]!r}, not an RFC 3339 time") from error
