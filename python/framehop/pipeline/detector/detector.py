"""The detector process: it answers workers, and turns to another model when the supervisor asks for it. It has no durable state."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from framehop import _core
from framehop.budgets import BEAT_S
from framehop.errors import ProcessError
from framehop.inference.engine import Engine, load_model
from framehop.pipeline import child
from framehop.pipeline.control import (
    Beat,
    CancelSwap,
    Channel,
    DetectorSettings,
    Drain,
    Message,
    Ready,
    Settings,
    Swap,
    Swapped,
    Switch,
)
from framehop.pipeline.detector.detector_loop import DetectorLoop
from framehop.pipeline.detector.side_loader import SideLoader
from framehop.pipeline.facts import FIRST_MODEL, ModelFacts, write_facts


class DetectorProcess:
    """The main thread: answers batches, beats, and hears the supervisor and the loader between two batches."""

    def __init__(self, channel: Channel, loop: DetectorLoop, loader: SideLoader) -> None:
        self._channel, self._loop, self._loader = channel, loop, loader
        self._draining = False
        self._running = FIRST_MODEL

    def run(self) -> None:
        """Serve until the supervisor asks to drain."""
        beat_at = 0.0
        while not self._draining:
            if time.monotonic() >= beat_at:
                self._channel.send(Beat())
                beat_at = time.monotonic() + BEAT_S
            self._step(max(0.0, beat_at - time.monotonic()))

    def _step(self, timeout_s: float) -> None:
        ready = self._loop.step(timeout_s, [self._channel.fileno(), self._loader.fileno()])
        if self._loader.fileno() in ready:
            for news in self._loader.news():
                self._channel.send(news)
        if self._channel.fileno() in ready:
            messages = self._channel.receive()
            if messages is None:
                child.end_with_supervisor()
            for message in messages or ():
                self._hear(message)

    def _hear(self, message: Message) -> None:
        match message:
            case Drain():
                self._draining = True
            case Swap():
                for answer in self._loader.begin(message):
                    self._channel.send(answer)
            case Switch(number):
                self._switch(number)
            case CancelSwap(number):
                self._loader.cancel(number)
            case _:
                raise ProcessError(f"unexpected control message {type(message).__name__}")

    def _switch(self, number: int) -> None:
        loaded = self._loader.take(number)
        if loaded is not None:
            self._loop.use(loaded, number).close()
            self._running = number
            _core.failpoint("swap.switched")
        if self._running == number:
            self._channel.send(Swapped(number))


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, DetectorSettings)
    options = settings.options
    first = _load(settings, FIRST_MODEL, options.model)
    loader = SideLoader(lambda order: _load_beside(settings, order))
    with _core.HopServer(settings.address) as server:
        loop = DetectorLoop(server, first, ring_dir=Path(settings.ring_dir), max_batch=options.max_batch)
        channel.send(Ready(FIRST_MODEL))
        try:
            DetectorProcess(channel, loop, loader).run()
        finally:
            loop.close()
            loader.close()
    if loader.busy:
        child.leave_threads()


def _load_beside(settings: DetectorSettings, order: Swap) -> Engine:
    _core.failpoint("swap.load")
    return _load(settings, order.number, order.model)


def _load(settings: DetectorSettings, number: int, model: str) -> Engine:
    """Load and warm up a model, and describe it in its file."""
    options = settings.options
    engine = Engine(
        load_model(model),
        provider=options.provider,
        threads=options.infer_threads,
        device=settings.device,
        max_batch=options.max_batch,
        conf=options.conf,
        classes=options.classes,
    )
    try:
        write_facts(settings.facts, ModelFacts.of(engine, number))
    except BaseException:
        engine.close()
        raise
    return engine


if __name__ == "__main__":
    sys.exit(child.main(body))
