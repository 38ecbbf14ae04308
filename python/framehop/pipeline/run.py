"""Iterates what a pipeline finds, which starts with the first step and is drained at the end, by `for` or `async for`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from framehop.errors import SourceError
from framehop.log import LogAt
from framehop.pipeline.aside import OneCall, finished_aside
from framehop.pipeline.picture_log import PictureLog
from framehop.pipeline.pipeline import Pipeline
from framehop.sinks.seen import Seen
from framehop.types import Event

if TYPE_CHECKING:
    from asyncio import Task

T = TypeVar("T")


class Run(Generic[T]):
    """Yields what `run` and `detect` find, by `for` or by `async for`, from one thread or task.

    `close` it, or drop it, and the pipeline is drained; in a coroutine `aclose` it, as `contextlib.aclosing` does, since what is
    only dropped there ends a little later. A step that is cancelled loses nothing: the next one goes on. Closing twice is harmless.
    """

    def __init__(self, steps: Generator[T, None, None], later: AsyncGenerator[T, None]) -> None:
        """`steps`, `later`: the same for each of the two ways. Only one of them may be begun."""
        self._steps, self._later = steps, later
        self._step: Task[T] | None = None  # it goes on when who waited for it was cancelled

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._steps)

    def close(self) -> None:
        self._steps.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        from asyncio import ensure_future, wait

        if self._step is None:
            self._step = ensure_future(anext(self._later))
        await wait([self._step])
        step, self._step = self._step, None
        return step.result()

    async def aclose(self) -> None:
        from asyncio import wait

        if (step := self._step) is not None:
            if not step.cancelling():  # an earlier call may have been cancelled while the pipeline drained
                step.cancel()
            await wait([step])
            self._step = None
            if not step.cancelled():
                step.exception()  # nobody waits for it any more
        await self._later.aclose()

    def __del__(self) -> None:
        step = getattr(self, "_step", None)
        if step is not None:  # without an event it would never end
            with suppress(RuntimeError):  # its loop is closed
                step.get_loop().call_soon_threadsafe(step.cancel)


def events_of(pipeline: Pipeline) -> Run[Event]:
    """Return the events of a pipeline. At their end SourceError is raised if a source has failed."""
    return Run(_events(pipeline), _events_later(pipeline))


def seen_of(pipeline: Pipeline, at: LogAt) -> Run[Seen]:
    """Return the events of a pipeline with their pictures, read from its log."""
    return Run(_seen(pipeline, at), _seen_later(pipeline, at))


def _events(pipeline: Pipeline) -> Generator[Event, None, None]:
    with pipeline:
        yield from pipeline.events()
    _check_sources(pipeline)


async def _events_later(pipeline: Pipeline) -> AsyncGenerator[Event, None]:
    async with pipeline, aclosing(pipeline.events()) as events:
        async for event in events:
            yield event
    _check_sources(pipeline)


def _check_sources(pipeline: Pipeline) -> None:
    if pipeline.summary is not None and pipeline.summary.source_errors:
        raise SourceError("; ".join(f"{name}: {error}" for name, error in pipeline.summary.source_errors.items()))


def _seen(pipeline: Pipeline, at: LogAt) -> Generator[Seen, None, None]:
    with closing(_events(pipeline)) as events:
        first = next(events, None)  # before it there may be no log
        if first is None:
            return
        with PictureLog(at) as pictures:
            for event in itertools.chain([first], events):
                yield pictures.seen(event)


async def _seen_later(pipeline: Pipeline, at: LogAt) -> AsyncGenerator[Seen, None]:
    calls = OneCall[Seen]("framehop-run")
    pictures: PictureLog | None = None
    async with aclosing(_events_later(pipeline)) as events:
        try:
            async for event in events:
                if pictures is None:
                    pictures = await finished_aside(partial(PictureLog, at))
                yield await calls.result_of(partial(pictures.seen, event))
        finally:
            calls.close()
            if pictures is not None:
                await finished_aside(pictures.close)
