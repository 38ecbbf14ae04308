"""Puts pictures that can be told apart into a log, with an event for each, as a pipeline would."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.protocols import FrameLog
from framehop.testing.synthetic import jpeg
from framehop.types import Event, Frame, FrameKey, Outcome, StreamState
from tests.logs import TIMEOUT_S, make_event, marks_after, read

STEP = 20  # shades between two pictures' numbers, more than JPEG may change
SIZE = (64, 48)


def number_of(picture: NDArray[np.uint8]) -> int:
    """Return the number of a fed picture."""
    return round(float(picture[..., 0].mean()) / STEP)


class Feeder:
    """Writes numbered pictures and their events. The streams of one feeder each have one epoch. A context manager."""

    def __init__(self, log: FrameLog) -> None:
        self._writer = log.writer()
        self._consumer = log.consumer("feeder", member="m")
        self._states: dict[str, StreamState] = {}
        self._next: dict[str, int] = {}

    def feed(
        self,
        stream: str,
        *numbers: int,
        payload: bytes | None = None,
        lane: str = "main",
        outcome: Outcome = "detected",
        reason: str = "",
    ) -> list[Event]:
        """Append a picture for each number, 0 to 12, and its event; return when the events are durable. `payload`: bytes that are
        written in place of the pictures."""
        for number in numbers:
            jpeg_of_it = jpeg(*SIZE, shade=number * STEP, quality=95)
            assert self._writer.append(self._frame(stream, payload if payload is not None else jpeg_of_it))
        assert self._writer.flush(TIMEOUT_S)
        records = read(self._consumer, len(numbers))
        events = [replace(make_event(record, lane=lane), outcome=outcome, reason=reason) for record in records]
        self._consumer.commit(events, marks_after(records))
        return events

    def _frame(self, stream: str, payload: bytes) -> Frame:
        if stream not in self._states:
            self._states[stream] = self._writer.open_stream(stream, source=f"test:{stream}", finite=False)
        seq = self._next[stream] = self._next.get(stream, -1) + 1
        at_us = 1_000_000 + seq * 40_000
        key = FrameKey(stream, self._states[stream].epoch, seq)
        return Frame(key=key, payload=payload, captured_us=at_us, received_us=at_us, width=SIZE[0], height=SIZE[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._consumer.close()
        self._writer.close()
