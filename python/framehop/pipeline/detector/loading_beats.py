"""Gives signs of life while a detector loads its first model, which takes minutes where the network is slow."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from framehop.budgets import BEAT_S, HANG_S
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat


class LoadingBeats:
    """Beats from a thread of its own, as the main thread is in the runtime's code meanwhile. Use it around the load, and use the
    channel for nothing else until it has ended."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="framehop-loading", daemon=True)

    def _run(self) -> None:
        while not self._over.wait(BEAT_S):
            self._channel.send(Beat())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(HANG_S)  # a send never waits
