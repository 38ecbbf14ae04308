"""The streams of a pipeline while it runs: they are added, paused, resumed and removed by the program, the command line and a file
alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from framehop.config.filled import expand_filled
from framehop.errors import InvalidArgumentError
from framehop.pipeline.ingest.pacing import Rate, check_loop, check_rate
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.policies import Policy
from framehop.sources import (
    DEFAULT_CODEC,
    Codec,
    SourceOptions,
    SourceSpec,
    check_codec,
    open_specs,
    without_secrets,
)
from framehop.sources.identity import shown
from framehop.timing import now_us
from framehop.types import check_stream

MOST_BYTES = 16 << 10  # of a source: four times the longest path, and a small part of a message between processes


def _nobody(_stream: str) -> bool:
    return False


def _check_tellable(source: str) -> None:
    """Raise InvalidArgumentError for a source that no message to another process can name."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"the name {shown(without_secrets(source))} is not UTF-8, and a pipeline reads no such file: rename it, or ingest it "
            "by framehop ingest"
        ) from error
    if size > MOST_BYTES:
        raise InvalidArgumentError(f"a source of {size} bytes is no path and no address: {MOST_BYTES} are the limit")


class Streams:
    """Changes the sources of one pipeline. Thread-safe.

    `pushed`: tells whether a program pushes pictures to a stream, which then has no source. `takes_sources`: whether there may be
    sources at all; `framehop detect` only reads the log. `elsewhere`: another process reads them, and is told their names in UTF-8.
    """

    def __init__(
        self,
        roster: Roster,
        *,
        pushed: Callable[[str], bool] = _nobody,
        takes_sources: bool = True,
        elsewhere: bool = False,
    ) -> None:
        self.roster = roster
        self.takes_sources = takes_sources
        self._pushed = pushed
        self._elsewhere = elsewhere

    def add(
        self,
        sources: Iterable[str | SourceSpec],
        *,
        rate: Rate = "realtime",
        loop: int = 1,
        codec: Codec = DEFAULT_CODEC,
    ) -> list[str]:
        """Read these sources too; returns their stream ids. All or none are added, and one that cannot be read at the moment fails
        later, unless none can. Raises SourceError, ConfigError, InvalidArgumentError when a stream has a source already,
        ClosedError once the pipeline ends."""
        check_rate(rate)
        check_loop(loop)
        check_codec(codec)
        specs = expand_filled(sources)
        wanted = open_specs(specs, SourceOptions(codec=codec))
        live = {source.stream for source in wanted.sources if not source.finite}
        orders = [
            SourceOrder(
                stream=spec.stream,
                source=spec.source,
                rate=str(rate),
                loop=loop,
                since_us=now_us(),
                codec=codec,
                live=spec.stream in live,
            )
            for spec in specs
        ]
        self.exchange((), *orders, endless=live)
        return [order.stream for order in orders]

    def exchange(
        self,
        gone: Collection[str],
        *orders: SourceOrder,
        endless: Collection[str],
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        """Stop reading the streams `gone`, and read the sources of these orders, which are not looked at first: all of it or
        nothing. Raises what `Roster.add` raises, and InvalidArgumentError where there may be no source, or none of this name."""
        self.check_open()
        for order in orders:
            check_stream(order.stream)
            if self._elsewhere:
                _check_tellable(order.source)
            if order.stream not in gone:
                self.check_free(order.stream)
        self.roster.exchange(gone, *orders, endless=endless, policies=policies)

    def check_open(self) -> None:
        """Raise InvalidArgumentError where there may be no source, ClosedError once the pipeline ends."""
        if not self.takes_sources:
            raise InvalidArgumentError(
                "this is a detect, which reads no sources but what others put into the log: add them to a framehop ingest or run"
            )
        self.roster.check_open()

    def check_free(self, stream: str) -> None:
        """Raise InvalidArgumentError when a stream has a source already, or pictures are pushed to it."""
        if self._pushed(stream):
            raise InvalidArgumentError(f"pictures are pushed to {stream}: give the source another stream id")
        self.roster.check_free(stream)

    def remove(self, *streams: str) -> None:
        """Stop reading these sources; what was read still goes into the log. Raises InvalidArgumentError, and then changes nothing,
        when a stream has no source."""
        self._check_known(streams)
        for stream in streams:
            self.roster.remove(stream)

    def pause(self, *streams: str) -> None:
        """Stop reading these sources, and keep their places. Raises InvalidArgumentError when a stream has no source, or has
        ended."""
        self._check_known(streams)
        for stream in streams:
            self.roster.pause(stream)

    def resume(self, *streams: str) -> None:
        """Read paused sources again: a file goes on with its next frame, a live source begins a new epoch. Raises
        InvalidArgumentError when a stream has no source, ClosedError once the pipeline ends."""
        self._check_known(streams)
        for stream in streams:
            self.roster.resume(stream)

    def statuses(self, *streams: str) -> list[StreamStatus]:
        """Return the state of these streams, or of all if none is named."""
        found = self.roster.statuses()
        return [status for name, status in found.items() if name in streams or not streams]

    def _check_known(self, streams: Iterable[str]) -> None:
        known = self.roster.statuses()
        missing = [stream for stream in streams if stream not in known]
        if missing:
            there = ", ".join(sorted(known)[:20]) + (" …" if len(known) > 20 else "")
            raise InvalidArgumentError(f"no stream {missing[0][:140]!r} is read here; there is {there or 'none'}")
