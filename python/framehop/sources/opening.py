"""Open the sources that a user has named: all of them, or those that can be opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framehop.errors import ConfigError, FramehopError, SourceError, is_out_of_memory
from framehop.protocols import Source
from framehop.sources.expand import expand
from framehop.sources.images import ImageSource
from framehop.sources.spec import SourceOptions, SourceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSources:
    """The opened sources. `failures`: the errors of the others, by stream id."""

    sources: list[Source]
    failures: dict[str, str]


def open_specs(specs: Sequence[SourceSpec], options: SourceOptions | None = None) -> OpenedSources:
    """Open every source that can be opened, so that a bad one keeps no other from starting. Raises SourceError when none can."""
    opened: list[Source] = []
    failures: dict[str, FramehopError] = {}
    for spec in specs:
        try:
            opened.append(_open(spec, options))
        except FramehopError as error:
            if is_out_of_memory(error):
                raise
            failures[spec.stream] = error
    if failures and not opened:
        raise _why_none(list(failures.values()))
    return OpenedSources(sources=opened, failures={stream: str(error) for stream, error in failures.items()})


def _open(spec: SourceSpec, options: SourceOptions | None) -> Source:
    """Open a source, and refuse an empty folder at once. A restarted process uses `spec.open` instead, since all that the folder
    held may be in the log."""
    source = spec.open(options)
    if isinstance(source, ImageSource) and not source.count:
        raise source.no_pictures()
    return source


def _why_none(errors: Sequence[FramehopError]) -> FramehopError:
    if len(errors) == 1:
        return errors[0]
    return SourceError("no source can be read:\n" + "\n".join(f"  {error}" for error in errors[:20]))


def parse_source(text: str, options: SourceOptions | None = None) -> Source:
    """Open `[NAME=]SOURCE`. Raises SourceError that says what is understood, or that the text names several sources;
    MissingExtraError."""
    specs = expand([text])
    if len(specs) > 1:
        streams = ", ".join(spec.stream for spec in specs[:5]) + (" …" if specs[5:] else "")
        raise SourceError(f"{text[:200]!r} is {len(specs)} sources, {streams}: name one of them")
    return _open(specs[0], options)


def parse_sources(sources: Iterable[str | SourceSpec], options: SourceOptions | None = None) -> list[Source]:
    """Open all sources, or raise the reason why one cannot be opened. Raises also what `expand` raises."""
    return [_open(spec, options) for spec in expand(sources)]


def check_distinct(sources: Sequence[Source]) -> None:
    """Raise ConfigError naming two sources with the same stream id."""
    seen: dict[str, Source] = {}
    for source in sources:
        if other := seen.get(source.stream):
            raise ConfigError(
                f"two sources have the stream id {source.stream!r}: {other.uri} and {source.uri}; "
                f"name one of them, as in other-{source.stream[:100]}=SOURCE"
            )
        seen[source.stream] = source
