"""A pipeline inside another program, which starts, feeds, watches and stops it from Python."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from framehop.budgets import SWAP_END_S
from framehop.config.detect_options import DEFAULT_LOG, DetectOptions
from framehop.config.environment import fail_point
from framehop.errors import InvalidArgumentError, ModelError, ProcessError, SourceError
from framehop.inference import from_anywhere
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.aside import Aside, finished_aside, result_of
from framehop.pipeline.callback import Callback
from framehop.pipeline.events import Events
from framehop.pipeline.ingest.pacing import Rate
from framehop.pipeline.lifetime import Lifetime
from framehop.pipeline.push import Pusher
from framehop.pipeline.status import PipelineStatus
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.status import Status, Summary
from framehop.pipeline.supervisor.supervisor import Supervisor
from framehop.pipeline.supervisor_run import SupervisorRun
from framehop.policies import Policy, StreamPolicies
from framehop.sources import DEFAULT_CODEC, Codec, expand
from framehop.timing import Deadline
from framehop.types import Event, EventRecord, FrameKey, ModelInfo

if TYPE_CHECKING:
    from framehop.pipeline.push import Pushable

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S = 0.5


class Pipeline:
    """Ingest and detection for a program of your own. Thread-safe.

        with framehop.Pipeline(log="./framehop-data") as pipeline:
            pipeline.add("clip.mp4", stream="gate-1")
            for event in pipeline.events():
                print(event.event_id, len(event.objects))

    Starts worker, detector and ingest processes; no thread of this process decodes or infers. It may end at any moment: by `stop`
    from any thread, at the end of the block, by an exception, a signal, or the end of the interpreter. No process stays, and the
    next start goes on with the frames in the log that have no event yet. Installs no signal handlers.

    In a child that this process forks every method raises ProcessError, and the child keeps nothing of it alive.
    """

    def __init__(
        self,
        log: str | Path | LogAt = DEFAULT_LOG,
        *,
        options: DetectOptions | None = None,
        log_options: LogOptions | KafkaOptions | None = None,
        create: bool = True,
        takes_sources: bool = True,
        ends_with_sources: bool = False,
        until_idle_s: float | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_record: Callable[[EventRecord], None] | None = None,
        on_stream: Callable[[StreamStatus], None] | None = None,
        on_status: Callable[[Status], None] | None = None,
        events_from_start: bool = True,
    ) -> None:
        """Starts nothing yet. `log`, `log_options`: as for `open_log`. `create`: make a missing log.
        `takes_sources`: whether sources may be added, by `add` or by `framehop stream add`.

        Only `stop` ends the pipeline, unless `ends_with_sources` is set, which ends it once all sources have ended or failed and
        every frame in the log has its event, but not while one is paused, nor when one without end has been removed; or
        `until_idle_s`, which ends it when no frame came for so long. Threads of the pipeline make the callbacks, and an exception
        from one ends the pipeline: `on_event` for each event of this lane, in the order of the log; `on_record` likewise, with the
        JSON as stored; `on_stream` when a stream's phase changes; `on_status` about once a second. `events_from_start`: let the
        first `events()` begin at the start.

        Raises OutOfMemoryError when the rings do not fit, ModelError, ConfigError.
        """
        at = log if isinstance(log, LogAt) else LogAt.of(log, log_options)
        self._options = options or DetectOptions()
        stream_call = Callback("on_stream", on_stream) if on_stream else None
        status_call = Callback("on_status", on_status) if on_status else None
        self._roster = Roster(stream_call)
        self._pusher = Pusher(at)
        self.streams = Streams(self._roster, pushed=self._pusher.has, takes_sources=takes_sources, elsewhere=True)
        supervisor = Supervisor(
            at,
            self._options,
            streams=self.streams,
            ends_with_sources=ends_with_sources,
            until_idle_s=until_idle_s,
            fail_at=fail_point(),
            on_status=status_call,
        )
        self._session = SupervisorRun(supervisor, before_end=self._pusher.close)
        calls = [Callback("on_record", on_record)] if on_record else []
        if on_event is not None:
            calls.append(Callback("on_event", lambda record: on_event(record.event)))
        self._life = Lifetime(
            at,
            self._session,
            self._pusher,
            lane=self._options.lane,
            drain_s=self._options.drain_s,
            create=create,
            calls=calls,
            waited_for=[each for each in (stream_call, status_call) if each],
            events_from_start=events_from_start,
        )

    # ---- start and end

    def start(self) -> Self:
        """Start the processes, and return at once; see `wait_ready`. Harmless when it runs already. Raises LogError, and
        ClosedError after `stop`."""
        self._life.start()
        return self

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until every process is up, which takes a second or two and the time to load the model. False when the time is up.
        If the pipeline ends meanwhile, raises its error, or ClosedError."""
        return self._life.wait_ready(lambda: self.status().ready, timeout_s)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the pipeline and of the last callback; False when the time is up. Raises the error that ended it."""
        return self._life.wait(timeout_s)

    def request_stop(self, drain_s: float | None = None) -> None:
        """Ask for the end and do not wait for it. The first call drains what is in flight, a second one ends the pipeline at
        once. Safe in a signal handler."""
        self._life.request_stop(drain_s)

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked for the end, however it ended then."""
        return self._session.stop_requested

    def stop(self, drain_s: float | None = None) -> None:
        """End the pipeline, from any thread. Pushed pictures go into the log, sources and workers finish what they have in hand
        within `drain_s` (`options.drain_s` if None), and no process is left when this returns. The next start does what is not
        done by then. A second call waits for the first. A call from a callback asks for the end and does not wait.

        Every call raises the error that ended the pipeline early, if one did.
        """
        self._life.stop(drain_s)

    @property
    def summary(self) -> Summary | None:
        """The result of the run, once it has ended without an error; else None."""
        return self._session.summary

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        if self._life.is_forked:
            return
        try:
            self.stop()
        except Exception as error:
            if value is None:
                raise
            if error is not value:  # the block's own exception takes precedence
                logger.error("%s", error)

    async def __aenter__(self) -> Self:
        from asyncio import CancelledError

        try:
            return await finished_aside(self.start)
        except CancelledError as error:  # it has started all the same, and nobody who is not in will leave
            await self.__aexit__(type(error), error, None)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        await finished_aside(lambda: self.__exit__(kind, value, trace))

    def __del__(self) -> None:
        life = getattr(self, "_life", None)
        if life is not None:  # it is None if the constructor has failed
            life.let_go()

    # ---- input

    def add(
        self,
        source: str | Path,
        *,
        stream: str = "",
        rate: Rate = "realtime",
        loop: int = 1,
        codec: Codec = DEFAULT_CODEC,
        wait_s: float = 0.0,
    ) -> str:
        """Read `source` from now on, or from the start of the pipeline; returns its stream id.

        `source`: as for `framehop ingest`. `stream`: its stream id; by default the source's own. `rate`: `realtime`, `max`, or
        pictures per second. `loop`: passes over a finite source, 0 for ever. `codec`: how films and cameras go into the log, `copy`
        as they are, `jpeg` encoded anew, `auto` as they are where that can be. `wait_s`: wait so long for its first frame. Frames
        of a source without an end are skipped once they are a second old, unless `options.policies` say otherwise. Raises
        SourceError when it cannot be read, InvalidArgumentError when the stream has a source already, ConfigError. Later errors go
        to `on_stream` and `status().streams`; one that comes while waiting is raised as SourceError too, and the source stays until
        it is removed.
        """
        text = f"{stream}={source}" if stream else str(source)
        names = [spec.stream for spec in expand([text])]
        if len(names) > 1:
            raise SourceError(f"{source} is {len(names)} sources, {names[0]} and others: add_all takes them")
        [name] = self.add_all(text, rate=rate, loop=loop, codec=codec)
        if wait_s:
            status = self._roster.wait_for(
                name, lambda now: now.phase not in ("waiting", "opening", "retrying"), wait_s
            )
            if status.phase == "failed":
                raise SourceError(f"{name}: {status.error}")
        return name

    def add_all(
        self, *sources: str | Path, rate: Rate = "realtime", loop: int = 1, codec: Codec = DEFAULT_CODEC
    ) -> list[str]:
        """Read several sources, each with an optional `NAME=`; returns their stream ids. A folder of videos or a pattern gives
        many. If one cannot be read the others are, and its error is reported as a later one would be. Raises SourceError when none
        can be read, and when a pattern fits nothing."""
        self._life.check_open()
        return self.streams.add(map(str, sources), rate=rate, loop=loop, codec=codec)

    def pause(self, stream: str) -> bool:
        """Stop reading a source, and keep its place: `resume` goes on with its next frame, or begins a new epoch of a live source.
        What was read goes into the log. False when the stream has no source. Raises InvalidArgumentError when it has ended."""
        self._life.check_process()
        return self._roster.pause(stream)

    def resume(self, stream: str) -> bool:
        """Read a paused source again; one that failed, paused and resumed, is tried again. False when the stream has no source.
        Harmless for one that is not paused."""
        self._life.check_open()
        return self._roster.resume(stream)

    def remove(self, stream: str, *, timeout_s: float = 5.0) -> bool:
        """Stop reading a source, or end a pushed stream once its frames are in the log. The next writer of the stream begins a new
        epoch; a finite source that was not at its end goes on where it was left. False when there is no such stream, or when the
        frames of a pushed one were not in the log in time."""
        self._life.check_process()
        return self._roster.remove(stream) or self._pusher.drop(stream, timeout_s)

    def push(
        self, stream: str, picture: Pushable, *, captured_us: int | None = None, timeout_s: float = 5.0
    ) -> FrameKey:
        """Put one picture into the log, in this process; returns its key, which its event carries too.

        `picture`: the bytes of a JPEG, or uint8 [height, width, 3], RGB. The first one begins a new epoch of the stream, as a
        camera does. `captured_us`: when it was taken, microseconds since 1970; None is now. Waits for room while the log is slower
        than the pictures. The frame is durable once acknowledged, see `flush` and `status`.

        Raises BackPressureError after `timeout_s`, and then the picture is not in the log; CorruptPictureError,
        PictureTooLargeError or InvalidArgumentError for a bad picture; StreamBusyError when another process writes the stream;
        ClosedError after `stop`.
        """
        self._life.check_begun()
        if self._roster.order(stream) is not None:
            raise InvalidArgumentError(f"stream {stream} has a source: push to another one, or remove the source first")
        self._life.check_not_over()
        return self._pusher.push(stream, picture, captured_us=captured_us, timeout_s=timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Wait until every picture pushed so far is in the log; False when the time is up. Raises LogError."""
        self._life.check_process()
        return self._pusher.flush(timeout_s)

    # ---- another model

    def swap(self, model: str | Path, *, timeout_s: float = SWAP_END_S) -> dict[str, ModelInfo]:
        """Have all detectors turn to another model while they work, and wait until they have; returns what each runs then, by its
        process's name. No process is restarted, and every frame has its event. `model`: a built-in name or a path, as in
        `DetectOptions`. All other options stay.

        Raises ModelError when a detector cannot load it: then all keep the model they had. Raises ProcessError while there is
        another swap, and after `timeout_s`, when the swap goes on all the same; ClosedError when the pipeline ends meanwhile.
        """
        self._life.check_running()
        swaps, deadline = self._session.supervisor.swaps, Deadline.after(timeout_s)
        number = swaps.request(from_anywhere(model)).number
        while not swaps.ended(number, min(LOOK_S, deadline.remaining_s)):
            self._life.check_running()
            if deadline.expired:
                raise ProcessError(
                    f"the swap to {model} did not end within {timeout_s:.3g} s, and goes on: see framehop status"
                )
        if error := swaps.report(number).error:
            raise ModelError(f"{error}; every detector keeps the model it had")
        return self._session.supervisor.models

    async def swap_async(self, model: str | Path, *, timeout_s: float = SWAP_END_S) -> dict[str, ModelInfo]:
        """Do what `swap` does without blocking the event loop. If the task is cancelled, the swap goes on all the same."""
        aside = Aside("framehop-swap")
        try:
            return await result_of(aside.submit(lambda: self.swap(model, timeout_s=timeout_s)))
        finally:
            aside.close()

    # ---- output

    def events(self) -> Events:
        """Iterate the events of this lane with `for` or `async for`. The first call after the start yields every event since the
        start; any other call yields the events from the call on, or from the start on if the pipeline has not started yet. Several
        iterators may run at once, independently."""
        return self._life.events(self)

    def __aiter__(self) -> Events:
        return self.events()

    @property
    def live(self) -> frozenset[str]:
        """The streams whose source has no end."""
        return frozenset(traits.stream for traits in self._roster.traits() if traits.live)

    @property
    def policies(self) -> dict[str, Policy]:
        """The policy of each stream that has a source."""
        known, found = self._roster.traits(), StreamPolicies(self._options.policies)
        for traits in known:
            found.note(traits.stream, live=traits.live, policy=traits.policy)
        return {traits.stream: found.of(traits.stream) for traits in known}

    def status(self) -> PipelineStatus:
        """Return the state of now, without waiting for anything."""
        self._life.check_process()
        counters, processes = self._session.supervisor.view
        pushed = self._pusher.statuses()
        failure = self._session.failure
        return PipelineStatus(
            phase=self._life.phase,
            failure=str(failure) if failure else "",
            counters=replace(
                counters,
                appended=counters.appended + sum(stream.acked for stream in pushed.values()),
                stalled=counters.stalled or self._pusher.stalled,
            ),
            processes=processes,
            streams={**pushed, **self._roster.statuses()},
        )
