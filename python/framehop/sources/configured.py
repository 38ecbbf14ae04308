"""A stream as a configuration file describes it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from framehop.errors import ConfigError
from framehop.policies import Policy
from framehop.sources.address import without_secrets
from framehop.sources.credentials import with_credentials
from framehop.sources.expand import expand
from framehop.sources.film import DEFAULT_CODEC, Codec
from framehop.sources.spec import STALL_S, SourceSpec, check_stall
from framehop.tracked import Track, Written, parse_track
from framehop.types import check_stream


class StreamConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `streams` in a configuration file. `source`, `rate`, `loop` and `codec`: as the options of `framehop ingest`.
    `username`, `password`: for an address that has no user in it. `policy`: what may be skipped, as `Policy.parse` takes it; empty
    where the patterns decide. `track`: `byte` or `off`, empty where the patterns decide. `stall_s`: as in SourceOptions. `labels`:
    values of the placeholders of `log.kafka.frames_topic` for this stream; they hold before those of `log.kafka.labels`."""

    source: str
    rate: str | float = "realtime"
    loop: int = 1
    codec: Codec = DEFAULT_CODEC
    username: str = ""
    password: str = ""
    policy: str = ""
    track: Written = ""
    stall_s: float = STALL_S
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.password and not self.username:
            raise ConfigError("password needs a username")
        check_stall(self.stall_s)
        if self.policy:
            Policy.parse(self.policy)
        if self.track != "":
            parse_track(self.track)

    def __repr__(self) -> str:
        return f"StreamConfig(source={without_secrets(self.source)!r})"

    @property
    def parsed_policy(self) -> Policy | None:
        """The stream's own policy; None where the patterns decide. Raises ConfigError."""
        return Policy.parse(self.policy) if self.policy else None

    @property
    def parsed_track(self) -> Track | None:
        """Whether the stream is tracked; None where the patterns decide. Raises ConfigError."""
        return None if self.track == "" else parse_track(self.track)

    def spec(self, stream: str, root: Path) -> SourceSpec:
        """Return the one source that this is. Relative paths start at `root`. Raises ConfigError, and SourceError or
        InvalidArgumentError."""
        address = with_credentials(self.source, self.username, self.password) if self.username else self.source
        specs = expand([SourceSpec(source=address, stream=check_stream(stream)).absolute(root)])
        if len(specs) > 1:
            raise ConfigError(
                f"{self.source} is {len(specs)} sources, and a stream has one: give each a stream of its own"
            )
        return specs[0]
