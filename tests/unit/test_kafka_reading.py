"""Scans and readers of events, on scripted answers of a client: how long they wait, and how much they hold."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import KafkaError, Message

from framehop.errors import LogError
from framehop.log.kafka import partition_scan, reader
from framehop.log.kafka.connection import SLICE_S, Connection
from framehop.log.kafka.partition_scan import SCAN_SILENCE_S, PartitionScan
from framehop.log.kafka.reader import CHUNK, KafkaEventReader
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Event, EventRecord, Partition
from tests.logs import TIMEOUT_S

URL = KafkaUrl.parse("kafka://nowhere:1")
P = Partition(URL.detections, 0)


class Answer:
    """A client's message: a record or, with a code, an error."""

    def __init__(self, offset: int, code: int | None = None) -> None:
        self._offset, self._code = offset, code

    def topic(self) -> str:
        return P.topic

    def partition(self) -> int:
        return P.number

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return None if self._code is None else KafkaError(self._code)


class Scripted:
    """A consumer that gives the answers of a script, then nothing, and the clock by which it waits. `poll_s`: what a poll takes."""

    def __init__(self) -> None:
        self.now_s, self.poll_s = 0.0, 0.1
        self.script: list[Answer | None] = []
        self.many = False
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def assign(self, _partitions: object) -> None:
        """Take what it is given."""

    def poll(self, timeout_s: float) -> Answer | None:
        self.waits.append(timeout_s)
        self.now_s += self.poll_s
        return self.script.pop(0) if self.script else None

    def consume(self, count: int, _timeout_s: float) -> list[Answer | None]:
        """Give what else is there; with `many` the script is there at once."""
        found, self.script = (self.script[:count], self.script[count:]) if self.many else ([], self.script)
        return found


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    monkeypatch.setattr("framehop.timing.time", scripted)
    for module in (partition_scan, reader):
        monkeypatch.setattr(module, "plain_consumer", lambda *_arguments, **_settings: scripted)
        monkeypatch.setattr(module, "begins", lambda *_arguments: {P: 0})
        monkeypatch.setattr(module, "ends", lambda *_arguments: {P: 2})
    monkeypatch.setattr(reader, "parse_outcome", _event)
    return scripted


def _event(message: Message) -> EventRecord:
    return EventRecord(event=cast(Event, None), raw=b"", offset=message.offset() or 0, appended_us=0)


def _connection() -> Connection:
    options = SimpleNamespace(client={})
    found = SimpleNamespace(url=URL, options=options, partitions_of=lambda _topic: [P], may_vanish=lambda _topic: False)
    return cast(Connection, found)


def _records(offsets: Iterable[int]) -> list[Answer | None]:
    return [Answer(offset) for offset in offsets]


def test_a_scan_takes_no_refusal_of_a_group_for_progress(consumer: Scripted) -> None:
    consumer.poll_s = SCAN_SILENCE_S / 2
    consumer.script = [Answer(-1, KafkaError.GROUP_AUTHORIZATION_FAILED), None] * 4
    with pytest.raises(LogError):
        next(iter(PartitionScan(_connection(), {P: 0})))
    assert len(consumer.script) == 6


def test_a_scan_does_not_count_the_time_of_who_looks_at_the_records(consumer: Scripted) -> None:
    consumer.script = [*_records([0]), None, *_records([1])]
    offsets = []
    for message in PartitionScan(_connection(), {P: 0}):
        offsets.append(message.offset())
        consumer.now_s += 2 * SCAN_SILENCE_S
    assert offsets == [0, 1]


def test_a_reader_does_not_count_the_time_of_who_looks_at_the_events(consumer: Scripted) -> None:
    consumer.script = [*_records([0]), None, *_records([1])]
    offsets = []
    for record in KafkaEventReader(_connection(), "beginning"):
        offsets.append(record.offset)
        consumer.now_s += 2 * SCAN_SILENCE_S
    assert offsets == [0, 1]


def test_a_reader_of_which_few_events_are_asked_holds_few(consumer: Scripted) -> None:
    consumer.script, consumer.many = _records(range(10 * CHUNK)), True
    events = KafkaEventReader(_connection(), "beginning")
    offsets = [record.offset for _ in range(4 * CHUNK) for record in events.poll(1, 1.0)]
    assert offsets == list(range(4 * CHUNK))
    assert len(consumer.script) > 3 * CHUNK, "the client has the others"


def test_only_the_thread_that_hears_ctrl_c_looks_up_ten_times_a_second(consumer: Scripted) -> None:
    events = KafkaEventReader(_connection(), "beginning")
    events.poll(1, 0.1)
    assert consumer.waits[0] == SLICE_S
    consumer.waits.clear()
    consumer.poll_s = 0.25
    with ThreadPoolExecutor(1) as other:
        other.submit(events.poll, 1, 0.25).result(TIMEOUT_S)
    assert consumer.waits == [pytest.approx(0.25), 0.0]
