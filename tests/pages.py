"""The page's server in this process, over an embedded log that a test fills."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from framehop.log import LogAt, LogOptions, open_log
from framehop.testing.synthetic import jpeg
from framehop.timing import now_us
from framehop.types import DetectedObject, Event, Frame, FrameKey, FrameRecord, Outcome
from framehop.web.access import Token
from framehop.web.server import PageAddress, PageServer
from tests.logs import TIMEOUT_S, make_event, marks_after, read
from tests.waiting import until


@dataclass(slots=True)
class Filled:
    """A log in a directory, into which frames and their events are put."""

    path: Path
    events: list[Event] = field(default_factory=list)
    options: LogOptions | None = None

    def put(
        self,
        stream: str = "gate",
        *,
        pictures: list[bytes] | None = None,
        labels: tuple[str, ...] = ("car",),
        outcome: Outcome = "detected",
        reason: str = "",
        content_type: str = "image/jpeg",
        keyframes: Collection[int] | None = None,
    ) -> list[Event]:
        """Put pictures into a new epoch of a stream, and an event for each. `keyframes`: the seqs of those that can be decoded by
        themselves; None for all."""
        pictures = [jpeg()] if pictures is None else pictures
        with (
            open_log(self.path, options=self.options) as log,
            log.writer() as writer,
            log.consumer("detect-main", member="test") as consumer,
        ):
            state = writer.open_stream(stream, source=f"test:{stream}", finite=False)
            for seq, payload in enumerate(pictures):
                now = now_us()
                key = FrameKey(stream, state.epoch, seq)
                frame = Frame(
                    key=key,
                    payload=payload,
                    captured_us=now,
                    received_us=now,
                    width=64,
                    height=48,
                    content_type=content_type,
                    keyframe=keyframes is None or seq in keyframes,
                )
                assert writer.append(frame)
            assert writer.flush(TIMEOUT_S)
            records = read(consumer, len(pictures))
            made = [_event(record, labels, outcome, reason) for record in records]
            consumer.commit(made, marks_after(records))
        self.events += made
        return made


def _event(record: FrameRecord, labels: tuple[str, ...], outcome: Outcome, reason: str) -> Event:
    return replace(
        make_event(record),
        outcome=outcome,
        reason=reason,
        objects=[
            DetectedObject(label=label, label_id=index, confidence=0.5, box=(4.0, 4.0, 40.0, 30.0))
            for index, label in enumerate(labels)
        ],
        stages_ms={"decode": 1.0, "infer": 20.0, "total": 30.0, "batch": 2.0},
    )


@contextmanager
def client_of(path: Path, *, tokens: Sequence[Token] = (), host: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """Serve the log at `path` to a client on this host."""
    with (
        PageServer(LogAt.of(path), PageAddress(host=host, port=0, tokens=tuple(tokens))) as page,
        httpx.Client(base_url=f"http://127.0.0.1:{page.port}", timeout=60, trust_env=False) as client,
    ):
        yield client


def until_indexed(client: httpx.Client, count: int) -> None:
    """Wait until the index has so many events, and the log's end is reached."""

    def there() -> bool:
        state: dict[str, Any] = client.get("/api/v1/session").json()["index"]
        return state["events"] >= count and not state["catching_up"]

    until(there, f"{count} events in the index")
