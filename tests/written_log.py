"""A log with one writer, and sources, for tests of ingest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import count as count_from
from typing import cast

from framehop.account import IngestAccount
from framehop.errors import StreamBusyError
from framehop.protocols import NO_LABELS, Ack, FrameLog, Picture
from framehop.types import Frame, FrameKey, FramePointer, StreamState

EPOCH = 1_700_000_000_000_000


class WrittenLog:
    """A log and its only writer, which acknowledges at once. A frame for which `refuse` returns something true is not taken."""

    def __init__(self, *, refuse: Callable[[Frame], object] = lambda _frame: False) -> None:
        self.refuse = refuse
        self._states: dict[str, StreamState] = {}
        self._lock = threading.Lock()
        self.frames: list[Frame] = []
        self.finished: list[str] = []
        self.accounts: list[IngestAccount] = []
        self.busy: set[str] = set()
        self.stalled = ""
        self.flushes = 0
        self.on_flush: Callable[[float], bool] = lambda _timeout_s: True
        self.closed = False

    def writer(self) -> WrittenLog:
        return self

    def open_stream(
        self,
        stream: str,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> StreamState:
        if stream in self.busy:
            raise StreamBusyError(f"stream {stream!r} is written by another process")
        last = self._states.get(stream)
        if last is None or not finite or stream in self.finished:
            epoch = last.epoch + 1_000_000_000 if last else EPOCH
            last = StreamState(stream=stream, epoch=epoch, next_seq=0)
        self._states[stream] = last
        return last

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        assert timeout_s is not None
        with self._lock:
            if self.refuse(frame):
                return False
            self.frames.append(frame)
            state, key = self._states[frame.key.stream], frame.key
            assert (key.epoch, key.seq) == (state.epoch, state.next_seq), "a gap or a repetition"
            self._advance(state, next_seq=key.seq + 1)
        if on_ack:
            on_ack(Ack(pointer=FramePointer(topic="frames", partition=0, offset=len(self.frames) - 1)))
        return True

    def _advance(self, state: StreamState, *, next_seq: int) -> None:
        self._states[state.stream] = StreamState(
            stream=state.stream, epoch=state.epoch, next_seq=next_seq, pass_index=state.pass_index
        )

    def taken(self, stream: str) -> frozenset[str]:
        return frozenset(frame.origin for frame in self.frames if frame.key.epoch == self._states[stream].epoch)

    def keep_account(self, account: IngestAccount) -> None:
        self.accounts.append(account)

    def next_pass(self, stream: str) -> StreamState:
        last = self._states[stream]
        state = StreamState(stream=stream, epoch=last.epoch + 1_000_000_000, next_seq=0, pass_index=last.pass_index + 1)
        self._states[stream] = state
        return state

    def finish_pass(self, stream: str) -> None:
        self.finished.append(stream)

    def flush(self, timeout_s: float) -> bool:
        self.flushes += timeout_s > 0  # without it is only asked for the log's error
        return self.on_flush(timeout_s)

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        return stream in self._states

    def __enter__(self) -> WrittenLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True

    @property
    def keys(self) -> list[FrameKey]:
        return [frame.key for frame in self.frames]


def as_log(log: WrittenLog) -> FrameLog:
    return cast(FrameLog, log)


def payloads(count: int, tag: str = "") -> list[bytes]:
    return [f"{tag}{seq}".encode() for seq in range(count)]


class Endless:
    """Pictures without end; `on_picture` is called before each."""

    uri, stream, rate, finite, count = "endless:", "endless", 25.0, False, None

    def __init__(self, on_picture: Callable[[int], None] = lambda _seq: None) -> None:
        self._on_picture = on_picture

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        for seq in count_from(start_seq):
            self._on_picture(seq)
            yield Picture(payload=b"x", media_us=seq * 40_000)
