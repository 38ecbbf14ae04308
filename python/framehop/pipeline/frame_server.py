"""Passes live frames of a pipeline on this host on to receivers on others."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from framehop import _core
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.tap import LiveFrame, Tap

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
            if streams:
                self._pass_on(streams)
            else:
                self._tap.hush()
            wakes = [stop.fileno(), *(self._tap.filenos() if streams else [])]
            _, notes, _ = self._sender.poll(LOOK_S, wakes)
            for note in notes:
                self._on_note(note)

    def _pass_on(self, streams: set[str]) -> None:
        """Send what is complete. An empty name among `streams` means all."""
        self._tap.listen(*streams)
        wanted = set() if "" in streams else streams
        while (frame := self._tap.wait(wanted, 0.0)) is not None:
            with frame:
                self._send(frame)

    def _send(self, frame: LiveFrame) -> None:
        note = msgspec.json.encode(frame.event)
        if self._quality is None:
            self._sender.send(frame.lease, note=note, skip=True)
            return
        height, width, _ = frame.pixels.shape
        jpeg = _core.encode_jpeg(frame.pixels, quality=self._quality)
        self._sender.send_jpeg(jpeg, tag=frame.lease.tag, width=width, height=height, note=note, skip=True)
