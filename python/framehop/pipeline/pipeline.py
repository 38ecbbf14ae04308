"""A pipeline inside another program, which starts, feeds, watches and stops it from Python."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from framehop.budgets import DRAIN_GRACE_S, PIPELINE_END_S, SWAP_END_S
from framehop.config.detect_options import DEFAULT_LOG, DetectOptions
from framehop.config.environment import fail_point
from framehop.errors import ClosedError, InvalidArgumentError, ModelError, ProcessError, SourceError
from framehop.inference import from_anywhere
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.pipeline.aside import Aside, finished_aside, result_of
from framehop.pipeline.events import Events
from framehop.pipeline.ingest.pacing import Rate
from framehop.pipeline.pump import Pump
from framehop.pipeline.push import Pusher
from framehop.pipeline.status import PipelinePhase, PipelineStatus
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

READY_POLL_S = 0.05
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
        self._pid = os.getpid()
        self._at = log if isinstance(log, LogAt) else LogAt.of(log, log_options)
        self._options = options or DetectOptions()
        self._create = create
        self._calls = [on_record] if on_record else []
        if on_event is not None:
            self._calls.append(lambda record: on_event(record.event))
        self._events_from_start = events_from_start
        self._roster = Roster(on_stream)
        self._pusher = Pusher(self._at)
        self.streams = Streams(self._roster, pushed=self._pusher.has, takes_sources=takes_sources, elsewhere=True)
        supervisor = Supervisor(
            self._at,
            self._options,
            streams=self.streams,
            ends_with_sources=ends_with_sources,
            until_idle_s=until_idle_s,
            fail_at=fail_point(),
            on_status=on_status,
        )
        self._session = SupervisorRun(supervisor, before_end=self._pusher.close)
        self._lock = threading.Lock()
        self._first: Events | None = None
        self._pumps: list[Pump] = []
        self._begun = False
        self._stopped = False

    # ---- start and end

    def start(self) -> Self:
        """Start the processes, and return at once; see `wait_ready`. Harmless when it runs already. Raises LogError, and
        ClosedError after `stop`."""
        self._check_process()
        with self._lock:
            if self._stopped:
                raise ClosedError("this pipeline has been stopped: make a new Pipeline")
            if not self._begun:
                self._begin()
                self._begun = True
        return self

    def _begin(self) -> None:
        opened: list[Events] = []
        try:
            with self._at.open(create=self._create):
                opened.extend(self._make_events() for _ in range(len(self._calls) + self._events_from_start))
            self._session.start()
        except BaseException:
            for events in opened:
                events.close()
            raise
        self._first = opened.pop() if self._events_from_start else None
        for call, events in zip(self._calls, opened, strict=True):
            self._pumps.append(Pump(events, call, self._session.request_stop))

    def _make_events(self) -> Events:
        session = self._session
        return Events(self._at, self._options.lane, over=lambda: session.over)

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until every process is up, which takes a second or two and the time to load the model. False when the time is up.
        If the pipeline ends meanwhile, raises its error, or ClosedError."""
        self._check_begun()
        deadline = Deadline.after(timeout_s)
        while not self.status().ready:
            if self._session.join(min(READY_POLL_S, deadline.remaining_s)):
                self._raise_failure()
                raise ClosedError("the pipeline has ended")
            if deadline.expired:
                return False
        return True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the pipeline and of the last callback; False when the time is up. Raises the error that ended it."""
        self._check_begun()
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        ended = self._session.join(deadline.remaining_s if deadline else None) and all(
            pump.join(deadline.remaining_s if deadline else None) for pump in self._pumps
        )
        if ended:
            self._raise_failure()
        return ended

    def request_stop(self, drain_s: float | None = None) -> None:
        """Ask for the end and do not wait for it. The first call drains what is in flight, a second one ends the pipeline at
        once. Safe in a signal handler."""
        if os.getpid() == self._pid:
            self._session.request_stop(drain_s)

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
        self._check_process()
        with self._lock:
            ask = not self._stopped and not self._session.stop_requested
            self._stopped = True
        if not self._begun:
            return
        try:
            self._pusher.close()
            if ask:
                self._session.request_stop(drain_s)
            if self._in_callback():
                return
            self._await_end(drain_s)
        except BaseException:
            self._session.request_stop(0.0)  # the wait was interrupted, so do not drain any longer
            self._session.join(PIPELINE_END_S)
            raise
        self._raise_failure()

    def _await_end(self, drain_s: float | None) -> None:
        deadline = Deadline.after(
            (self._options.drain_s if drain_s is None else drain_s) + DRAIN_GRACE_S + PIPELINE_END_S
        )
        if not self._session.join(deadline.remaining_s):
            raise ProcessError(f"the pipeline on {self._at.url} does not end: see its messages")
        for pump in self._pumps:
            if not pump.join(deadline.remaining_s):
                logger.warning("a callback of the pipeline on %s does not return; it is left alone", self._at.url)
        if self._first is not None:
            self._first.close()
            self._first = None

    def _in_callback(self) -> bool:
        return self._session.is_current or any(pump.is_current for pump in self._pumps)

    def _raise_failure(self) -> None:
        failures = [pump.failure for pump in self._pumps] + [self._session.failure]
        for failure in failures:
            if failure is not None:
                raise failure

    @property
    def summary(self) -> Summary | None:
        """The result of the run, once it has ended without an error; else None."""
        return self._session.summary

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        if os.getpid() != self._pid:
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
        if not getattr(self, "_begun", False) or os.getpid() != self._pid or self._session.over:
            return
        if not self._session.stop_requested:
            logger.warning("the pipeline on %s was let go without stop(); it ends now", self._at.url)
            self._session.request_stop()

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
        self._check_open()
        return self.streams.add(map(str, sources), rate=rate, loop=loop, codec=codec)

    def pause(self, stream: str) -> bool:
        """Stop reading a source, and keep its place: `resume` goes on with its next frame, or begins a new epoch of a live source.
        What was read goes into the log. False when the stream has no source. Raises InvalidArgumentError when it has ended."""
        self._check_process()
        return self._roster.pause(stream)

    def resume(self, stream: str) -> bool:
        """Read a paused source again; one that failed, paused and resumed, is tried again. False when the stream has no source.
        Harmless for one that is not paused."""
        self._check_open()
        return self._roster.resume(stream)

    def remove(self, stream: str, *, timeout_s: float = 5.0) -> bool:
        """Stop reading a source, or end a pushed stream once its frames are in the log. The next writer of the stream begins a new
        epoch; a finite source that was not at its end goes on where it was left. False when there is no such stream, or when the
        frames of a pushed one were not in the log in time."""
        self._check_process()
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
        self._check_begun()
        if self._roster.order(stream) is not None:
            raise InvalidArgumentError(f"stream {stream} has a source: push to another one, or remove the source first")
        if self._session.over:
            self._raise_failure()
            raise ClosedError("the pipeline has ended: make a new Pipeline")
        return self._pusher.push(stream, picture, captured_us=captured_us, timeout_s=timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Wait until every picture pushed so far is in the log; False when the time is up. Raises LogError."""
        self._check_process()
        return self._pusher.flush(timeout_s)

    # ---- another model

    def swap(self, model: str | Path, *, timeout_s: float = SWAP_END_S) -> dict[str, ModelInfo]:
        """Have all detectors turn to another model while they work, and wait until they have; returns what each runs then, by its
        process's name. No process is restarted, and every frame has its event. `model`: a built-in name or a path, as in
        `DetectOptions`. All other options stay.

        Raises ModelError when a detector cannot load it: then all keep the model they had. Raises ProcessError while there is
        another swap, and after `timeout_s`, when the swap goes on all the same; ClosedError when the pipeline ends meanwhile.
        """
        self._check_running()
        swaps, deadline = self._session.supervisor.swaps, Deadline.after(timeout_s)
        number = swaps.request(from_anywhere(model)).number
        while not swaps.ended(number, min(LOOK_S, deadline.remaining_s)):
            self._check_running()
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
        self._check_process()
        with self._lock:
            first, self._first = self._first, None
            if self._stopped and first is None:
                raise ClosedError("this pipeline has been stopped: make a new Pipeline")
        if first is None:
            self._make_log()
            first = self._make_events()
        return first.owned(self, self._raise_failure)

    def _make_log(self) -> None:
        if self._create and not self._begun:
            self._at.open().close()

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
        self._check_process()
        counters, processes = self._session.supervisor.view
        pushed = self._pusher.statuses()
        failure = self._session.failure
        return PipelineStatus(
            phase=self._phase(),
            failure=str(failure) if failure else "",
            counters=replace(
                counters,
                appended=counters.appended + sum(stream.acked for stream in pushed.values()),
                stalled=counters.stalled or self._pusher.stalled,
            ),
            processes=processes,
            streams={**pushed, **self._roster.statuses()},
        )

    def _phase(self) -> PipelinePhase:
        if self._session.over:
            return "failed" if self._session.failure else "ended"
        if self._session.stop_requested:
            return "stopping"
        return "running" if self._begun else "new"

    # ---- checks

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ProcessError(
                f"this pipeline is of process {self._pid}, of which this one is a fork: make a Pipeline of its own here"
            )

    def _check_open(self) -> None:
        self._check_process()
        if self._stopped or self._session.over:
            raise ClosedError("this pipeline has ended: make a new Pipeline")

    def _check_running(self) -> None:
        """Raise the error that ended the pipeline, or ClosedError unless it runs and nobody has asked for its end."""
        self._check_begun()
        if self._session.over:
            self._raise_failure()
        if self._session.over or self._session.stop_requested:
            raise ClosedError("the pipeline has ended, or is just ending: make a new Pipeline")

    def _check_begun(self) -> None:
        self._check_process()
        if not self._begun:
            raise ClosedError("this pipeline has not been started: call start(), or use it in a with block")
