"""The configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from framehop.config.detect_options import Hop
from framehop.config.environment import variable
from framehop.errors import ConfigError
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.log.kafka.template import check_labels
from framehop.motion import Motion, When
from framehop.policies import Policy, check_policies
from framehop.regions import Regions, check_regions
from framehop.sources import StreamConfig
from framehop.strict import to_struct
from framehop.tracked import Track, Written, check_tracks, parse_track

if TYPE_CHECKING:
    import yaml

MAX_CONFIG_BYTES = 1 << 20


class LogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log's part of a configuration file. `url`: the value of `--log`."""

    url: str = ""
    embedded: LogOptions = LogOptions()
    kafka: KafkaOptions = KafkaOptions()

    @property
    def at(self) -> LogAt:
        return LogAt(url=self.url, embedded=self.embedded, kafka=self.kafka)


class DetectConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detection's part of a configuration file: as in DetectOptions, with policies as they are typed, by pattern. `track`: of
    all streams, or by pattern."""

    regions: dict[str, Regions] = {}
    track: Written | dict[str, Written] = {}
    policies: dict[str, str] = {}
    when: When = "always"
    motion: Motion = Motion()
    hop: Hop = "shm"

    def __post_init__(self) -> None:
        check_regions(self.regions)
        check_policies(self.parsed_policies)
        check_tracks(self.parsed_tracks)

    @property
    def parsed_tracks(self) -> dict[str, Track]:
        given = self.track if isinstance(self.track, dict) else {"*": self.track}
        return {pattern: parse_track(written) for pattern, written in given.items()}

    @property
    def parsed_policies(self) -> dict[str, Policy]:
        return {pattern: Policy.parse(text) for pattern, text in self.policies.items()}


class FileConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of `--config FILE`; see docs/config.md. `streams`: what `ingest` and `run` read, by stream id."""

    log: LogConfig = LogConfig()
    streams: dict[str, StreamConfig] = {}
    detect: DetectConfig = DetectConfig()

    def __post_init__(self) -> None:
        for name, stream in self.streams.items():
            try:
                check_labels(stream.labels)
            except ConfigError as error:
                raise ConfigError(f"streams.{name}: {error}") from None

    @property
    def stream_policies(self) -> dict[str, Policy]:
        """The policies that streams have of their own, by stream id."""
        return {name: policy for name, stream in self.streams.items() if (policy := stream.parsed_policy)}

    @property
    def stream_tracks(self) -> dict[str, Track]:
        """Whether streams that say it themselves are tracked, by stream id."""
        return {name: track for name, stream in self.streams.items() if (track := stream.parsed_track)}


def load_config(path: Path, *, may_be_blank: bool = True) -> FileConfig:
    """Read a YAML file. A value may be `{env: NAME}` or `{file: PATH}`, so that secrets stay where they are kept; relative paths
    start at the configuration's directory. `may_be_blank`: take a file that says nothing for one of defaults. Raises ConfigError
    naming the file, the key and what is allowed."""
    import yaml

    try:
        parsed = _parsed(path)
        if parsed is None and not may_be_blank:
            raise ConfigError(f"--config {path} says nothing: perhaps it is being written; `streams: {{}}` is for none")
        data = _resolved(parsed or {}, path, "")
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"--config {path} is not YAML: {_line_of(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"--config {path} is nested too deeply") from error
    _check_streams(data, path)
    return _rooted(to_struct(data, FileConfig, where=str(path), error=ConfigError), path.parent)


def _check_streams(data: object, path: Path) -> None:
    """Convert each stream by itself, since an error in the whole would not say in which it is."""
    match data:
        case {"streams": Mapping() as streams}:
            for stream, found in streams.items():
                to_struct(found, StreamConfig, where=f"{path}: streams.{stream}", error=ConfigError)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        found = file.read(MAX_CONFIG_BYTES + 1)
    if len(found) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES >> 20} MiB: it is no configuration")
    return found


def _line_of(error: yaml.YAMLError) -> str:
    """Name the place of a YAML error without quoting the line, as YAML's own message does: it may hold a password."""
    import yaml

    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return (
            f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem or 'broken'}"
        )
    return "it has bytes that are not text"


def _rooted(config: FileConfig, root: Path) -> FileConfig:
    """Take relative paths from the configuration's directory, wherever the command runs."""
    kafka = config.log.kafka
    if kafka.security is not None:
        names = ("ca", "certificate", "key")
        paths = {name: str(root / path) for name in names if (path := getattr(kafka.security, name))}
        kafka = replace(kafka, security=replace(kafka.security, **paths))
    if kafka.state_dir:
        kafka = replace(kafka, state_dir=str(root / kafka.state_dir))
    if kafka.spool is not None and kafka.spool.dir:
        kafka = replace(kafka, spool=replace(kafka.spool, dir=str(root / kafka.spool.dir)))
    return replace(config, log=replace(config.log, kafka=kafka))


def _parsed(path: Path) -> object:
    import yaml

    text = _read(path)
    try:
        return yaml.safe_load(text)
    except (ValueError, LookupError, AttributeError):  # PyYAML's, and its text has the value, which may be a password
        raise ConfigError(f"--config {path} is not YAML: a value is no date, or does not fit its !!tag") from None


def _resolved(value: object, path: Path, key: str) -> object:
    """Replace each `{env: …}` and `{file: …}` in `value` by what it refers to."""
    match value:
        case {"env": str(name), **rest} if not rest:
            return variable(name, f"{path}: {key}")
        case {"file": str(name), **rest} if not rest:
            try:
                return _read(path.parent / name).decode().rstrip("\n")
            except ConfigError as error:
                raise ConfigError(f"{path}: {key}: {error}") from error
            except OSError as error:
                raise ConfigError(f"{path}: {key}: {name} cannot be read: {error.strerror}") from error
            except ValueError as error:  # not UTF-8, or no name that a file can have
                raise ConfigError(f"{path}: {key}: {name!r} is not a text file") from error
        case Mapping():
            return {
                name: _resolved(inner, path, f"{key}.{name}" if key else str(name)) for name, inner in value.items()
            }
    return value
