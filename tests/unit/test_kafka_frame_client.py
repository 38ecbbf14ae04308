"""The client that reads single frames, on scripted answers: what comes late, too early, or for another partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, TopicPartition

from framehop.errors import ClosedError, LogError
from framehop.log.kafka import frame_client
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.frame_client import NEAR, FrameClient
from framehop.log.kafka.url import KafkaUrl
from framehop.types import FramePointer

EOF = KafkaError._PARTITION_EOF
OUT_OF_RANGE = KafkaError.OFFSET_OUT_OF_RANGE
TOPIC = "framehop.frames"


class Answer:
    """A client's message: a record or, with a code, an error."""

    def __init__(self, offset: int, code: int | None = None, *, partition: int = 0) -> None:
        self._offset, self._code, self._partition = offset, code, partition

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return None if self._code is None else KafkaError(self._code)

    def __len__(self) -> int:
        return 1000


class Scripted:
    """A consumer that gives the answers of a script, then nothing."""

    def __init__(self, script: Sequence[Answer | None]) -> None:
        self.script = list(script)
        self.turned: list[tuple[int, int]] = []
        self.left: list[int] = []

    def poll(self, _timeout_s: float) -> Answer | None:
        return self.script.pop(0) if self.script else None

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.turned += [(each.partition, each.offset) for each in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self.left += [each.partition for each in partitions]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a client on a script, in a log whose partitions have the offsets 10 to 99."""
    monkeypatch.setattr(frame_client, "range_of", lambda *_arguments: (10, 100))
    connection = SimpleNamespace(url=KafkaUrl.parse("kafka://nowhere:1"), may_vanish=lambda _topic: False)

    def make(*script: Answer | None) -> tuple[FrameClient, Scripted]:
        consumer = Scripted(script)
        monkeypatch.setattr(frame_client, "plain_consumer", lambda *_arguments, **_settings: consumer)
        return FrameClient(cast(Connection, connection)), consumer

    return make


def read(client: FrameClient, offset: int, partition: int = 0) -> int | None:
    """Return the offset of what was read."""
    found = client.read(FramePointer(topic=TOPIC, partition=partition, offset=offset), lambda: False)
    return None if found is None else found.offset()


def test_an_end_that_was_told_before_the_record_was_there_is_no_absence(made: Any) -> None:
    client, consumer = made(Answer(20), Answer(21, EOF), None, Answer(21))
    assert [read(client, 20), read(client, 21)] == [20, 21]
    assert consumer.turned == [(0, 20)], "it came by itself"


def test_what_lies_behind_shows_that_a_record_is_not_there(made: Any) -> None:
    client, consumer = made(Answer(22), Answer(23, EOF))
    assert [read(client, 20), read(client, 21), read(client, 22)] == [None, None, 22]
    client, consumer = made(Answer(21, EOF))
    assert read(client, 20) is None, "as behind a transaction's marker"
    assert consumer.script == []


def test_beyond_the_ends_of_the_log_nothing_is_waited_for(made: Any) -> None:
    client, consumer = made(Answer(-1, OUT_OF_RANGE), Answer(30))
    assert read(client, 5) is None
    assert read(client, 30) == 30
    assert consumer.turned == [(0, 5), (0, 30)]
    assert read(client, 100) is None


def test_a_leader_that_does_not_know_the_offset_yet_is_asked_again(made: Any) -> None:
    client, consumer = made(Answer(-1, OUT_OF_RANGE), Answer(30))
    assert read(client, 30) == 30
    assert consumer.turned == [(0, 30), (0, 30)]


def test_records_of_other_partitions_wait_for_who_asks(made: Any) -> None:
    client, consumer = made(Answer(20), Answer(40, partition=1), Answer(41, partition=1), Answer(21))
    assert [read(client, 20), read(client, 40, 1), read(client, 21), read(client, 41, 1)] == [20, 40, 21, 41]
    assert consumer.turned == [(0, 20), (1, 40)]


def test_a_record_from_before_the_turn_is_dropped(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer = made(Answer(20), Answer(21), None, Answer(90), Answer(25))
    monkeypatch.setattr(frame_client, "range_of", lambda *_arguments: (10, 80))
    assert [read(client, 20), read(client, 90)] == [20, None], "21 was under way; nothing is at 90 yet"
    monkeypatch.setattr(frame_client, "range_of", lambda *_arguments: (10, 100))
    assert [read(client, 90), read(client, 25)] == [90, 25]
    assert consumer.turned == [(0, 20), (0, 90), (0, 25)]


def test_a_near_record_is_reached_by_reading_and_a_far_one_by_turning(made: Any) -> None:
    client, consumer = made(*(Answer(offset) for offset in (*range(10, 20), 12)))
    assert [read(client, 10), read(client, 19), read(client, 12)] == [10, 19, 12]
    assert consumer.turned == [(0, 10), (0, 12)]
    near = FramePointer(topic=TOPIC, partition=0, offset=13 + NEAR)
    assert client.comes_to(near)
    assert not client.comes_to(replace(near, offset=near.offset + 1))


def test_records_of_other_partitions_lengthen_no_wait(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer = made(Answer(20), Answer(21), Answer(22))
    assert read(client, 20) == 20
    monkeypatch.setattr(frame_client, "SCAN_SILENCE_S", 0.0)
    with pytest.raises(LogError):
        read(client, 40, 1)
    assert len(consumer.script) == 1


def test_a_trouble_of_another_partition_is_not_ours(made: Any) -> None:
    client, consumer = made(Answer(40, partition=1), Answer(-1, OUT_OF_RANGE, partition=1), Answer(20))
    assert [read(client, 40, 1), read(client, 20)] == [40, 20]
    assert consumer.left == [1], "it is turned to anew when somebody asks"


def test_a_refusal_is_raised_in_our_words(made: Any) -> None:
    client, _ = made(Answer(-1, KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(LogError, match="kafka://nowhere:1"):
        read(client, 20)


def test_a_read_that_waits_ends_when_the_log_is_closed(made: Any) -> None:
    client, _ = made()
    answers = iter([False, False, True])
    with pytest.raises(ClosedError, match="was closed while it was read"):
        client.read(FramePointer(topic=TOPIC, partition=0, offset=20), lambda: next(answers))
