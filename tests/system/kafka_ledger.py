"""The ledger of a log in Kafka, read by a plain client of its own and judged without framehop's classes."""

from __future__ import annotations

import json
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tests.waiting import until

Key = tuple[str, int, int]  # stream, epoch, seq


@dataclass(frozen=True)
class SeenFrame:
    key: Key
    crc: int
    partition: int
    offset: int


@dataclass
class Ledger:
    """Everything in a log's topics, in the order of each partition. `frames` holds every record, repeated or not."""

    frames: list[SeenFrame] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)

    @property
    def folded(self) -> dict[Key, int]:
        """The CRC by FrameKey: the first record wins. A repeated one has to be the same picture."""
        found: dict[Key, int] = {}
        for frame in self.frames:
            assert found.setdefault(frame.key, frame.crc) == frame.crc, f"{frame.key} names two pictures"
        return found

    @property
    def repeats(self) -> int:
        """Events beyond the first of each id."""
        return len(self.events) - len({event["event_id"] for event in self.events})

    @property
    def writers(self) -> set[str]:
        return {str(event["writer"]) for event in self.events}

    @property
    def longest(self) -> int:
        """The number of pictures of the longest stream, where every seq is there."""
        return max(seq for _, _, seq in self.folded) + 1

    def outcomes(self) -> Counter[str]:
        first = {event["event_id"]: event["outcome"] for event in reversed(self.events)}
        return Counter(first.values())

    def check(
        self, expected: Mapping[str, Sequence[int]] | None = None, *, repeats: int = 0, prefix: bool = False
    ) -> None:
        """The ledger property. `expected`: the CRC of each picture by stream, in order. `repeats`: as many events may come
        again. `prefix`: the sources were ended early, somewhere."""
        folded = self.folded
        if expected is not None:
            self._check_pictures(expected, prefix=prefix)
        ids = {f"{stream}/{epoch}/{seq}/main" for stream, epoch, seq in folded}
        events = {event["event_id"] for event in self.events}
        assert not ids - events, f"{len(ids - events)} of {len(ids)} frames have no event: {sorted(ids - events)[:5]}"
        assert not events - ids, f"events of frames that are not there: {sorted(events - ids)[:5]}"
        assert self.repeats <= repeats, f"{self.repeats} events came again, and {repeats} may"
        self._check_order()

    def _check_pictures(self, expected: Mapping[str, Sequence[int]], *, prefix: bool) -> None:
        by_stream: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for (stream, epoch, seq), crc in self.folded.items():
            by_stream[stream].append((epoch, seq, crc))
        assert set(by_stream) == set(expected)
        for stream, crcs in expected.items():
            found = sorted(by_stream[stream])
            wanted = crcs[: len(found)] if prefix else crcs
            assert [seq for _, seq, _ in found] == list(range(len(wanted))), f"{stream}: seqs lost or in two epochs"
            assert [crc for _, _, crc in found] == list(wanted), f"{stream}: pictures changed"

    def _check_order(self) -> None:
        """First occurrences, per stream, epoch and writer."""
        seen: set[str] = set()
        last: dict[tuple[str, int, str], int] = {}
        for event in self.events:
            if event["event_id"] in seen:
                continue
            seen.add(event["event_id"])
            line = (event["stream"], event["epoch"], event["writer"])
            assert last.get(line, -1) < event["seq"], f"{event['event_id']} comes behind {last[line]} of {line}"
            last[line] = event["seq"]


def read_ledger(
    bootstrap: str, prefix: str, *, isolation: str = "read_committed", frames: Sequence[str] = ()
) -> Ledger:
    """`isolation`: `read_uncommitted` shows what aborted transactions had written, too. `frames`: the topics of frames, if they are
    not in the shared one."""
    ledger = Ledger()
    topics = frames or [f"{prefix}.frames"]
    for message in (message for topic in topics for message in records(bootstrap, topic)):
        headers = headers_of(message)
        key = (bytes(message.key() or b"").decode(), int(headers["ce_epoch"]), int(headers["ce_sequence"]))
        crc = zlib.crc32(message.value() or b"")
        ledger.frames.append(SeenFrame(key, crc, message.partition() or 0, message.offset() or 0))
    for message in records(bootstrap, f"{prefix}.detections", isolation):
        _note_outcome(ledger, message)
    ledger.letters = [json.loads(message.value() or b"") for message in records(bootstrap, f"{prefix}.deadletter")]
    return ledger


def _note_outcome(ledger: Ledger, message: Message) -> None:
    kind = headers_of(message)["ce_type"]
    body = json.loads(message.value() or b"")
    (ledger.gaps if kind == "io.framehop.gap.v1" else ledger.events).append(body)


def headers_of(message: Message) -> dict[str, str]:
    return {name: bytes(value or b"").decode() for name, value in message.headers() or []}  # type: ignore[arg-type,str-unpack]


def plain_consumer(bootstrap: str, isolation: str = "read_committed") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "ledger",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "log_level": 2,
            "reconnect.backoff.max.ms": 500,
        }
    )


def assign_all(consumer: Consumer, topic: str) -> int:
    """Assign every partition from its beginning, and return how many there are."""
    found = consumer.list_topics(topic, timeout=30).topics[topic]
    assert found.error is None, found.error
    consumer.assign([TopicPartition(topic, partition, 0) for partition in found.partitions])
    return len(found.partitions)


def records(bootstrap: str, topic: str, isolation: str = "read_committed") -> Iterator[Message]:
    """Every record, by partition as it comes."""
    consumer = plain_consumer(bootstrap, isolation)
    try:
        left = assign_all(consumer, topic)
        silent = 0
        while left:
            message = consumer.poll(1.0)
            silent = silent + 1 if message is None else 0
            assert silent < 60, f"{topic} cannot be read to its end"
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            else:
                assert error.retriable() or error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}, error
    finally:
        consumer.close()


class Watcher:
    """A read_committed reader that runs along with the faults: what it sees is what a user's own consumer would have acted upon."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.ids: Counter[str] = Counter()
        self.writers: set[str] = set()
        self._consumer = plain_consumer(bootstrap)
        self._partitions = assign_all(self._consumer, f"{prefix}.detections")
        self._ended: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._take(self._consumer.poll(0.1))

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        if message.error() is None and headers_of(message)["ce_type"] == "io.framehop.event.v1":
            event = json.loads(message.value() or b"")
            self.writers.add(event["writer"])
            self.ids[event["event_id"]] += 1

    @property
    def seen(self) -> int:
        return len(self.ids)

    @property
    def by_stream(self) -> Counter[str]:
        """The number of events that were seen, where repeated ones count once."""
        return Counter(event_id.partition("/")[0] for event_id in list(self.ids))

    def wait_for(self, events: int, timeout_s: float = 60) -> None:
        until(lambda: self.seen >= events, f"{events} events, and not {self.seen}", timeout_s)

    @property
    def repeats(self) -> int:
        return self.ids.total() - len(self.ids)
