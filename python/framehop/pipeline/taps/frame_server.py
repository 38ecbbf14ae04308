"""Passes live frames of a pipeline on this host on to receivers on others."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from framehop import _core
from framehop.errors import FramehopError
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.taps.tap import LiveFrame, Tap

LOOK_S = 0.5


class FrameServer:
    """Serves until it is asked to stop, or the pipeline ends. While there are no receivers, the pipeline has no work with it.

    `quality`: of the JPEGs, 1–100; None sends pixels as they lie in the slots. Borrows tap and sender. `on_note` gets what people
    should know: who was refused or cut off.
    """

    def __init__(
        self, tap: Tap, sender: _core.FrameSender, *, quality: int | None, on_note: Callable[[str], None]
    ) -> None:
        self._tap, self._sender = tap, sender
        self._quality = quality
        self._on_note = on_note

    def run(self, stop: StopSignal) -> None:
        while not stop.requested and self._tap.alive:
            streams = {receiver.stream for receiver in self._sender.receivers}
            if not streams:
                self._tap.hush()
                self._hear(LOOK_S, [stop.fileno()])
            elif self._pass_on(streams):
                self._hear(0.0, [])  # who wants frames is heard however many there are
            else:
                self._hear(LOOK_S, [stop.fileno(), *self._tap.filenos()])

    def _hear(self, timeout_s: float, wakes: list[int]) -> None:
        _, notes, _ = self._sender.poll(timeout_s, wakes)
        for note in notes:
            self._on_note(note)

    def _pass_on(self, streams: set[str]) -> bool:
        """Send one frame; False when none is complete. An empty name among `streams` means all."""
        self._tap.listen_only(streams)  # else receivers that come and go would leave theirs at the workers for ever
        frame = self._tap.wait(set() if "" in streams else streams, 0.0)
        if frame is None:
            return False
        with frame:
            try:
                self._send(frame)
            except FramehopError as error:  # one frame must not end all who watch
                self._on_note(f"{frame.key} is left out: {error}")
        return True

    def _send(self, frame: LiveFrame) -> None:
        note = msgspec.json.encode(frame.event)
        if self._quality is None:
            self._sender.send(frame.lease, note=note, skip=True)
        else:
            self._sender.send_as_jpeg(frame.lease, quality=self._quality, note=note)
