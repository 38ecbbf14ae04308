"""The detector process: it answers workers, and turns to another model when the supervisor asks for it. It has no durable state."""

from __future__ import annotations

import sys
from pathlib import Path

from framehop import _core
from framehop.config.detect_options import DetectOptions, engine_options
from framehop.config.environment import usable_cores
from framehop.inference.engine import Engine, load_model
from framehop.inference.page_locks import PageLocks
from framehop.pipeline.detector.cores import credits_of, lane_count, side_by_side, warn_of_lanes
from framehop.pipeline.detector.detector_loop import DetectorLoop
from framehop.pipeline.detector.lane_model import LaneModel
from framehop.pipeline.detector.lanes import Lanes
from framehop.pipeline.detector.side_loader import SideLoader
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.facts import FIRST_MODEL, ModelFacts, write_facts
from framehop.pipeline.processes.messages import CancelSwap, Drain, Message, Ready, Swap, Swapped, Switch
from framehop.pipeline.processes.settings import DetectorSettings, Settings
from framehop.pipeline.processes.supervisor_link import SupervisorLink, unexpected


class DetectorProcess:
    """The main thread: leases and answers pictures, beats, and hears the supervisor and the loader while the lanes infer."""

    def __init__(self, link: SupervisorLink, loop: DetectorLoop, loader: SideLoader[LaneModel]) -> None:
        self._link, self._loop, self._loader = link, loop, loader
        self._draining = False
        self._running = FIRST_MODEL

    def run(self) -> None:
        """Serve until the supervisor asks to drain."""
        while not self._draining:
            self._link.beat_if_due()
            self._step()

    def _step(self) -> None:
        ready = self._loop.step(self._link.due_s, [self._link.fileno(), self._loader.fileno()])
        if self._loader.fileno() in ready:
            for news in self._loader.news():
                self._link.send(news)
        if self._link.fileno() in ready:
            for message in self._link.heard():
                self._hear(message)

    def _hear(self, message: Message) -> None:
        match message:
            case Drain():
                self._draining = True
            case Swap():
                for answer in self._loader.begin(message):
                    self._link.send(answer)
            case Switch(number):
                self._switch(number)
            case CancelSwap(number):
                self._loader.cancel(number)
            case _:
                raise unexpected(message)

    def _switch(self, number: int) -> None:
        loaded = self._loader.take(number)
        if loaded is not None:
            self._loop.use(loaded, number)
            self._running = number
            _core.failpoint("swap.switched")
        if self._running == number:
            self._link.send(Swapped(number))


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, DetectorSettings)
    engine = _load(settings, FIRST_MODEL, settings.options.model)
    lanes = _lanes_of(settings.options, engine.info.provider)
    first = LaneModel.of(engine, lanes)
    loader = SideLoader(lambda order: _load_beside(settings, order, lanes))
    with _core.HopServer(settings.address, credits=credits_of(lanes, first.pictures)) as server:
        locks = PageLocks.of(engine.info.provider, settings.device)
        running = Lanes(first, max_wait_s=settings.options.max_wait_ms / 1000)
        loop = DetectorLoop(server, running, ring_dir=Path(settings.ring_dir), locks=locks)
        del engine, first  # so that their memory goes with a swap
        channel.send(Ready(FIRST_MODEL))
        try:
            DetectorProcess(SupervisorLink(channel), loop, loader).run()
        finally:
            loop.close()
            loader.close()
    if loader.busy or loop.busy:
        child.leave_threads()


def _lanes_of(options: DetectOptions, provider: str) -> int:
    cores = usable_cores()
    lanes = lane_count(options, provider, cores)
    warn_of_lanes(options, lanes, provider, cores)
    return lanes


def _at_once(options: DetectOptions, engine: Engine) -> int:
    """Return how many pictures all lanes together look at side by side."""
    lanes = lane_count(options, engine.info.provider, usable_cores())
    return lanes * max(1, engine.max_batch // engine.runs_per_picture)


def run_s(engine: Engine) -> float:
    """Return how long a lane is busy at a time, in seconds; 0 where that is not known before it works."""
    runs = max(1.0, engine.runs_per_picture / engine.max_batch)
    return engine.batch_s * runs if engine.info.provider == "cpu" else 0.0


def _load_beside(settings: DetectorSettings, order: Swap, lanes: int) -> LaneModel:
    _core.failpoint("swap.load")
    return LaneModel.of(_load(settings, order.number, order.model), lanes)


def _load(settings: DetectorSettings, number: int, model: str) -> Engine:
    """Load and warm up a model, and describe it in its file."""
    options = engine_options(settings.options, settings.device, side_by_side=side_by_side(settings.options))
    engine = Engine(load_model(model), options)
    try:
        facts = ModelFacts.of(engine, number, _at_once(settings.options, engine), run_s(engine))
        write_facts(settings.facts, facts)
    except BaseException:
        engine.close()
        raise
    return engine


if __name__ == "__main__":
    sys.exit(child.main(body))
