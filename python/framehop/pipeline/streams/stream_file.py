"""The streams of a configuration file in a pipeline that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from framehop.config.file import FileConfig, load_config
from framehop.config.filled import expand_filled
from framehop.errors import ConfigError, FramehopError, InvalidArgumentError
from framehop.pipeline.ingest.pacing import check_loop, parse_rate
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.streams import Streams
from framehop.policies import Policy
from framehop.sources import StreamConfig, without_secrets
from framehop.timing import now_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The streams that a file has changed, by id. `judged`: those that are read on with another policy. `more`: whether something
    else in the file has changed too."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    replaced: tuple[str, ...]
    judged: tuple[str, ...] = ()
    more: bool = False


class StreamFile:
    """Keeps the streams that a pipeline reads as a file says; streams that came another way stay. Use from one thread."""

    def __init__(self, path: Path, streams: Streams) -> None:
        """Starts nothing: `apply` does."""
        self.path = path
        self._streams = streams
        self._before: FileConfig | None = None
        self._names: frozenset[str] = frozenset()

    def apply(self) -> Changes:
        """Read the file; add what is new in it, remove what is gone, replace what is another. A stream of which only the policy
        has changed is read on. What is paused stays so. Raises ConfigError, or ClosedError once the pipeline ends, and then
        nothing has changed. A blank file removes no streams, since an editor may just have begun to write it."""
        config = load_config(self.path, may_be_blank=not self._names)
        wanted = self._orders(config.streams)
        present = self._present(wanted)
        changes = changes_between(present, wanted)
        new = [wanted[stream] for stream in (*changes.added, *changes.replaced)]
        policies = config.stream_policies
        try:
            self._streams.exchange((*changes.removed, *changes.replaced), *new, endless=wanted, policies=policies)
        except InvalidArgumentError as error:
            raise ConfigError(f"{self.path}: streams: {error}") from error
        judged = self._judge({stream: policies.get(stream) for stream in wanted})
        before, self._before, self._names = self._before, config, frozenset(wanted)
        more = before is not None and structs.replace(before, streams={}) != structs.replace(config, streams={})
        return replace(changes, judged=judged, more=more)

    def _judge(self, policies: Mapping[str, Policy | None]) -> tuple[str, ...]:
        """Give streams their own policies; return those that had another one."""
        roster = self._streams.roster
        other = {stream: policy for stream, policy in policies.items() if roster.policy(stream) != policy}
        return tuple(stream for stream, policy in other.items() if roster.judge(stream, policy))

    def _present(self, wanted: Mapping[str, SourceOrder]) -> dict[str, SourceOrder]:
        """Return the orders of this file that are in force. Raises ConfigError for a new stream that has another source."""
        present = {stream: order for stream in self._names if (order := self._streams.roster.order(stream)) is not None}
        for stream in wanted.keys() - present.keys():
            try:
                self._streams.check_free(stream)
            except FramehopError as error:
                raise self._at(stream, error) from error
        return present

    def _orders(self, streams: Mapping[str, StreamConfig]) -> dict[str, SourceOrder]:
        orders = {}
        for stream, config in streams.items():
            try:
                orders[stream] = _order(stream, config, self.path.parent)
            except FramehopError as error:
                raise self._at(stream, error) from error
        return orders

    def _at(self, stream: str, error: FramehopError) -> ConfigError:
        return ConfigError(f"{self.path}: streams.{stream}: {without_secrets(str(error))}")


def _order(stream: str, config: StreamConfig, root: Path) -> SourceOrder:
    [spec] = expand_filled([config.spec(stream, root.absolute())])
    return SourceOrder(
        stream=stream,
        source=spec.source,
        rate=str(parse_rate(str(config.rate))),
        loop=check_loop(config.loop),
        codec=config.codec,
        stall_s=config.stall_s,
        since_us=now_us(),
        live=spec.is_live or spec.is_endless,
        track=config.parsed_track,
        labels=config.labels,
    )


def changes_between(present: Mapping[str, SourceOrder], wanted: Mapping[str, SourceOrder]) -> Changes:
    """Return what turns the orders in force into the wanted ones. Orders that differ only in their time are the same."""
    both = [stream for stream in wanted if stream in present]
    return Changes(
        added=tuple(stream for stream in wanted if stream not in present),
        removed=tuple(sorted(present.keys() - wanted.keys())),
        replaced=tuple(
            stream
            for stream in both
            if structs.replace(wanted[stream], since_us=0) != structs.replace(present[stream], since_us=0)
        ),
    )
