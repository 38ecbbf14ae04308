"""The reader that somebody else might have written: a plain client, which sees what is committed, and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.harness.processes import BenchmarkError

EVENT = b"io.framehop.event.v1"


class Seen(NamedTuple):
    """`pid`: of the worker that wrote it. `taken_s`: when ingest had the frame, by the clock on the wall. `at_s`: when the event
    was read here, by the monotonic clock."""

    stream: str
    seq: int
    pid: int
    taken_s: float
    at_s: float


class Reader:
    """Reads all events of a log from a thread of its own, while inside."""

    def __init__(self, bootstrap: str, topic: str, streams: Sequence[str]) -> None:
        self._streams = streams
        self._changed = threading.Condition()
        self._seen: dict[str, list[Seen]] = {stream: [] for stream in streams}
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "recovery",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
                "reconnect.backoff.ms": 10,
                "reconnect.backoff.max.ms": 100,
                "log_level": 2,
            }
        )
        found = self._consumer.list_topics(topic, timeout=30).topics[topic]
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in found.partitions])
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None and ("ce_type", EVENT) in (message.headers() or []):
                self._note(message)

    def _note(self, message: Message) -> None:
        at_s, event = time.monotonic(), json.loads(message.value() or b"")
        taken_s = datetime.fromisoformat(event["received_at"]).timestamp()
        seen = Seen(event["stream"], event["seq"], int(event["writer"].rpartition("/")[2]), taken_s, at_s)
        with self._changed:
            self._seen[seen.stream].append(seen)
            self._changed.notify_all()

    # ---- looks

    def wait_steady(self, pids: set[int], events: int, timeout_s: float) -> None:
        """Wait until each of these workers, and nobody else, has written the last events of some stream."""

        def steady() -> bool:
            lasts = [seen[-events:] for seen in self._seen.values()]
            same = all(len(last) == events and len({each.pid for each in last}) == 1 for last in lasts)
            return same and {last[-1].pid for last in lasts} == pids

        self._wait(steady, timeout_s, "a steady flow of events")

    def streams_of(self, pid: int) -> list[str]:
        """Return the streams whose last event is by this worker."""
        with self._changed:
            return [stream for stream in self._streams if self._seen[stream][-1].pid == pid]

    def wait_new(
        self, streams: Sequence[str], after_s: float, is_new: Callable[[Seen], bool], timeout_s: float
    ) -> dict[str, float]:
        """Seconds from `after_s` to the first new event of each stream."""
        found: dict[str, float] = {}

        def all_back() -> bool:
            for stream in streams:
                for seen in self._seen[stream]:
                    if stream not in found and seen.at_s > after_s and is_new(seen):
                        found[stream] = round(seen.at_s - after_s, 4)
            return len(found) == len(streams)

        self._wait(all_back, timeout_s, f"an event of each of {', '.join(streams)} after the fault")
        return found

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise BenchmarkError(f"not within {timeout_s:.0f} s: {what}")
