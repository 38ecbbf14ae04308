"""Whatever lies in a topic is read as what it says, or refused by NotOursError: nothing else ever comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.log.kafka.wire import (
    EVENT,
    FRAME,
    GAP,
    DeadLetterBody,
    Headers,
    NotOursError,
    frame_headers,
    letter_of_record,
    parse_frame,
    parse_letter,
    parse_outcome,
)
from framehop.types import EventRecord, Frame, FrameKey, FrameMeta, FramePointer, Gap, rfc3339

NOW_US = 1_795_354_262_346_000


@dataclass(frozen=True, slots=True)
class Record:
    """Stands in for confluent_kafka.Message, which cannot be made."""

    key_: Any = b"cam"
    value_: bytes | None = b"picture"
    headers_: Any = None

    def key(self) -> Any:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> Any:
        return self.headers_

    def topic(self) -> str:
        return "framehop.frames"

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 7

    def timestamp(self) -> tuple[int, int]:
        return 2, NOW_US // 1000

    def __len__(self) -> int:
        return len(self.value_ or b"")


def a_frame(**changes: Any) -> Frame:
    whole: dict[str, Any] = {
        "key": FrameKey("cam", NOW_US, 42),
        "payload": b"picture",
        "captured_us": NOW_US - 5,
        "received_us": NOW_US,
        "clock": "camera",
        "content_type": "image/jpeg",
        "keyframe": True,
        "width": 640,
        "height": 480,
        "traceparent": "00-940d82fccd201579ca0bc5c65095b0b7-00f067aa0ba902b7-01",
    }
    return Frame(**(whole | changes))


def of(frame: Frame, **changes: str | bytes | None) -> Record:
    """Its record with some headers replaced."""
    headers = dict(frame_headers(frame)) | changes
    return Record(headers_=[(name, as_read(value)) for name, value in headers.items()])


def as_read(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


names = st.sampled_from([name for name, _ in frame_headers(a_frame(), error="x")]) | st.text(max_size=8)
numbers = st.integers().map(str)
values = st.one_of(
    st.none(),
    st.binary(max_size=40),
    numbers.map(str.encode),
    st.sampled_from([value for _, value in frame_headers(a_frame())]).map(as_read),
    st.sampled_from([FRAME, EVENT, GAP, "٣", "²", "1e3", "-1", "+1", " 1", "1_0", "0" * 17, "9007199254740992"]).map(
        str.encode
    ),
    st.datetimes().map(lambda at: f"{at.isoformat()}Z".encode()),
    st.sampled_from(["9999-12-31T23:59:60Z", "0001-01-01T00:00:00+23:59", "2026-13-01T00:00:00Z"]).map(str.encode),
)
anything = st.builds(
    Record,
    key_=st.none() | st.binary(max_size=140) | st.sampled_from([b"cam", b"", b"..", b"a/b"]),
    value_=st.none() | st.binary(max_size=64),
    headers_=st.none() | st.lists(st.tuples(names, values), max_size=20),
)
times = st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"]).map(
    str.encode
)
almost = st.builds(
    lambda at, changes, key: replace(of(a_frame(), **{"ce_time": at, **changes}), key_=key),
    times,
    st.dictionaries(st.sampled_from([name for name, _ in frame_headers(a_frame())]), values, max_size=3),
    st.sampled_from([b"cam", b"cam", "cam", b"other", None, b"\xff"]),
)


@given(anything | almost)
def test_a_frame_or_not_ours(record: Any) -> None:
    try:
        meta = parse_frame(record)
    except NotOursError:
        return
    assert isinstance(meta, FrameMeta)
    assert 0 <= meta.key.seq < 1 << 53
    assert 0 <= meta.key.epoch < 1 << 53
    assert 0 <= meta.width < 1 << 24
    assert meta.pointer == FramePointer(topic="framehop.frames", partition=3, offset=7)
    assert rfc3339(meta.captured_us)  # as the event of it will say
    assert rfc3339(meta.received_us)


@given(anything, st.sampled_from([EVENT, GAP]), st.booleans())
def test_an_outcome_or_not_ours(record: Any, kind: str, says_so: bool) -> None:
    if says_so:
        record = replace(record, headers_=[("ce_type", kind.encode())])
    try:
        found = parse_outcome(record)
    except NotOursError:
        return
    assert isinstance(found, EventRecord | Gap)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reason", "partition", "first_offset", "last_offset", "event_id", "frame", "objects"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(json, st.sampled_from([EVENT, GAP]))
def test_any_json_is_an_outcome_or_not_ours(body: object, kind: str) -> None:
    record: Any = Record(headers_=[("ce_type", kind.encode())], value_=msgspec.json.encode(body))
    try:
        parse_outcome(record)
    except NotOursError:
        return


@given(anything)
def test_a_letter_or_not_ours(record: Any) -> None:
    try:
        assert isinstance(parse_letter(record), DeadLetterBody)
    except NotOursError:
        return


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.integers(0, (1 << 53) - 1),
    st.integers(0, (1 << 53) - 1),
    st.integers(0, 4_000_000_000_000_000),
    st.booleans(),
    st.integers(0, (1 << 24) - 1),
    texts,
)
def test_a_frame_comes_back_as_it_was(
    epoch: int, seq: int, at_us: int, keyframe: bool, side: int, traceparent: str
) -> None:
    frame = a_frame(
        key=FrameKey("cam", epoch, seq), captured_us=at_us, keyframe=keyframe, width=side, traceparent=traceparent
    )
    meta = parse_frame(of(frame))  # type: ignore[arg-type]
    assert (meta.key, meta.captured_us, meta.received_us) == (frame.key, at_us, NOW_US)
    assert (meta.keyframe, meta.width, meta.height) == (keyframe, side, 480)
    assert (meta.clock, meta.content_type, meta.traceparent) == ("camera", "image/jpeg", traceparent)
    assert meta.payload_bytes == len(b"picture")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ce_type", b"io.framehop.frame.v2", "its ce_type is 'io.framehop.frame.v2'"),
        ("ce_type", None, "its ce_type is ''"),
        ("ce_epoch", b"-1", "ce_epoch is '-1', not a number from 0"),
        ("ce_epoch", None, "ce_epoch is ''"),
        ("ce_sequence", b"9" * 40, "ce_sequence is '9999"),
        ("ce_sequence", "٣".encode(), "not a number"),
        ("ce_width", str(1 << 24).encode(), "not a number from 0 to 16777215"),
        ("ce_time", b"yesterday", "not an RFC 3339 time"),
        ("ce_received", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: bytes | None, says: str) -> None:
    with pytest.raises(NotOursError) as caught:
        parse_frame(of(a_frame(), **{name: value}))  # type: ignore[arg-type]
    assert says in str(caught.value)


@pytest.mark.parametrize("key", [None, b"", b"a/b", b"\xff", b"x" * 200])
def test_a_key_that_is_no_stream_is_refused(key: bytes | None) -> None:
    with pytest.raises(NotOursError, match="is not a stream id"):
        parse_frame(replace(of(a_frame()), key_=key))  # type: ignore[arg-type]


def test_a_header_that_comes_twice_counts_once_the_last() -> None:
    record = of(a_frame())
    twice: Headers = [*record.headers_, ("ce_sequence", b"43")]
    assert parse_frame(replace(record, headers_=twice)).key.seq == 43  # type: ignore[arg-type]


def test_a_letter_points_at_its_record() -> None:
    pointer = FramePointer(topic="framehop.frames", partition=1, offset=2)
    value, headers = letter_of_record(pointer, "not_a_frame: no type")
    letter = parse_letter(Record(value_=value, headers_=headers))  # type: ignore[arg-type]
    assert (letter.record, letter.kind, letter.event) == (pointer, "record", None)
    assert letter.reason == "not_a_frame: no type"
