"""The options of the pipeline and everything that comes from the environment. No other module reads `os.environ`."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from framehop import _core
from framehop.errors import ConfigError
from framehop.inference.engine_options import EngineOptions, Preprocess
from framehop.inference.providers import Provider
from framehop.log import KafkaOptions, LogAt, LogOptions
from framehop.log.kafka.template import check_labels
from framehop.motion import Motion, When
from framehop.policies import Policy, check_policies
from framehop.protocols import Start
from framehop.regions import Regions, check_regions
from framehop.sources import SourceSpec, StreamConfig, expand
from framehop.strict import to_struct
from framehop.tracked import Track, Written, check_tracks, parse_track

if TYPE_CHECKING:
    import yaml

MIB = 1 << 20

Hop = Literal["zmq", "shm"]
MAX_PIXELS = 67_108_864  # 8192 x 8192
MAX_WAIT_MS = 1000.0  # longer, and workers run out of slots while pictures wait
MAX_LANES = 256  # threads of one detector; far more than cores would only be in each other's way

FAIL_POINTS = (
    "ingest.appended",
    "decode.mid",
    "decode.done",
    "hop.sent",
    "infer.mid",
    "swap.load",
    "swap.switched",
    "event.produced",
    "offsets.stored",
)

# The lane is part of an event's id, after a slash, and of the group's name, which has at most 128 characters.
_LANE = re.compile(r"[A-Za-z0-9._-]{1,100}")

DEFAULT_LOG = "./framehop-data"
MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectOptions:
    """The options for detecting frames on this host.

    `provider`: what runs the model; `auto` is CUDA if it works, else the CPU. `fp16`: whether TensorRT may compute in float16.
    `allow_fallback`: whether another provider than the one asked for will do. `preprocess`: who resizes and normalises: `native`,
    `dali`, or `auto` for DALI on a GPU where it is installed.

    What is found: `lane`: the lane that the events belong to. `sample`: the share of the frames to look at, more than 0 and at most
    1; the others get `skipped` events. `conf`: the least score of a box, 0 to 1; None for the model's own. `class_conf`: the same
    for single labels. `classes`: the only labels to look for, by name or label id; none for all. `exclude`: labels to leave out.
    `min_size_px`: source pixels that a box needs in width and in height. `regions`: where objects count, by pattern of stream ids;
    the first that fits holds. `tiles`: cut each picture, as `3x2`; see Tiles.parse. `track`: by pattern of stream ids, of which the
    first that fits holds, whose objects get ids; none have them where no pattern fits.

    What may be skipped, each with an event: `policies`: by pattern of stream ids, of which the first that fits holds; a stream that
    none fits has `all`, or if it is a live source of this pipeline `max_age_ms=1000`. `when`: `motion` looks only at frames in
    which something has changed. `motion`: how that is found out.

    How it runs: `workers`: processes that read and decode. `slots`, `slot_bytes`: each worker's ring, in pictures and bytes per
    picture after scaled decode. `hop`: what descriptors and boxes travel by between workers and detectors, shared memory,
    which takes 32 MiB for each worker, or ZeroMQ. `max_pixels`: a picture whose header claims more is refused. `max_attempts`: a
    frame is given up after a worker has died this often while decoding it. `devices`: the GPUs by number, one detector for each; on
    the CPU only their count matters. `drain_s`: how long frames in flight may take after Ctrl-C.

    Who gets the cores: `decode_threads`: of one worker; 0 splits the cores that this process may use among the workers. `lanes`:
    inferences side by side in one detector, 1 to 256. 0 is one on a GPU; on the CPU it splits the cores among the detectors. On the
    CPU each of several lanes has one thread and takes one picture. `max_batch`: pictures per inference otherwise, and
    `max_wait_ms`: how long a picture may wait for others to fill a batch, 0 to 1000. `infer_threads`: of one inference on the CPU
    where there is one lane; 0 takes one per core, more than 1 makes `lanes` 0 mean one.
    """

    model: str = "coco-ssd"
    provider: Provider = "auto"
    fp16: bool = False
    allow_fallback: bool = False
    lane: str = "main"
    sample: float = 1.0
    conf: float | None = None
    class_conf: dict[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_size_px: float = 0.0
    regions: dict[str, Regions] = field(default_factory=dict)
    tiles: str = ""
    track: dict[str, Track] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    when: When = "always"
    motion: Motion = field(default_factory=Motion)
    start: Start = "beginning"
    workers: int = 1
    slots: int = 32
    slot_bytes: int = 4 * MIB
    tap_quota: int = 2
    hop: Hop = "shm"
    max_batch: int = 8
    max_wait_ms: float = 0.0
    preprocess: Preprocess = "auto"
    max_pixels: int = MAX_PIXELS
    max_attempts: int = 3
    decode_threads: int = 0
    lanes: int = 0
    infer_threads: int = 0
    devices: tuple[int, ...] = (0,)
    drain_s: float = 8.0

    def __post_init__(self) -> None:
        for name in ("workers", "slots", "slot_bytes", "max_batch", "max_pixels", "max_attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("decode_threads", "infer_threads", "lanes", "tap_quota", "drain_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 <= self.max_wait_ms <= MAX_WAIT_MS:
            raise ConfigError(f"max_wait_ms must be 0 to {MAX_WAIT_MS:g} milliseconds, not {self.max_wait_ms}")
        if self.lanes > MAX_LANES:
            raise ConfigError(f"lanes must be at most {MAX_LANES}, not {self.lanes}")
        if self.lanes > 1 < self.infer_threads:
            raise ConfigError(
                f"{self.lanes} lanes share one network, and each has one thread: infer_threads {self.infer_threads} needs lanes 1"
            )
        if not self.devices or min(self.devices) < 0:
            raise ConfigError(f"devices must be one or more numbers of GPUs, 0 or more each, not {self.devices}")
        if not (math.isfinite(self.min_size_px) and self.min_size_px >= 0):
            raise ConfigError(f"min_size_px must be 0 or more source pixels, not {self.min_size_px}")
        check_regions(self.regions)
        check_tracks(self.track)
        _engine_options(self)
        self._check_skipping()
        _check_hop(self.hop)
        if not _LANE.fullmatch(self.lane):
            raise ConfigError(
                f"lane {self.lane[:140]!r} is not allowed: use 1 to 100 of the characters A-Z a-z 0-9 . _ -"
            )

    def _check_skipping(self) -> None:
        check_policies(self.policies)
        if self.when not in get_args(When):
            raise ConfigError(f"when must be {' or '.join(get_args(When))}, not {self.when[:64]!r}")
        if not 0 < self.sample <= 1:
            raise ConfigError(f"sample must be more than 0 and at most 1, as 0.1 for a tenth, not {self.sample}")

    @property
    def group(self) -> str:
        """The consumer group of this lane."""
        return f"detect-{self.lane}"

    @property
    def link_bytes(self) -> int:
        """Bytes of memory that each worker's link to its detector takes from the start."""
        return _core.SHM_LINK_BYTES if self.hop == "shm" else 0


def _check_hop(hop: str) -> None:
    if hop not in ("zmq", "shm"):
        raise ConfigError(f"hop must be zmq or shm, not {hop}")


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
            if name not in os.environ:
                raise ConfigError(f"{path}: {key}: the environment has no {name}; set it before framehop is started")
            return os.environ[name]
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


_FROM_ENV = re.compile(r"\{env:([^}]*)\}")


def expand_filled(sources: Iterable[str | SourceSpec]) -> list[SourceSpec]:
    """Return the sources that the texts name, as `expand` does. `{env:NAME}` in the user or password of an address, as in
    rtsp://{env:CAM_USER}:{env:CAM_PASSWORD}@HOST/PATH, becomes that variable's value. Raises also ConfigError."""
    return [_filled(spec) if spec.is_live else spec for spec in expand(sources)]


def _filled(spec: SourceSpec) -> SourceSpec:
    user, at, rest = spec.source.rpartition("@")

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ConfigError(f"{spec.shown}: the environment has no {found[1]}; set it before framehop is started")
        return quote(os.environ[found[1]], safe="")

    return dataclasses.replace(spec, source=f"{_FROM_ENV.sub(value, user)}{at}{rest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPoint:
    """A named barrier at which a test has one process killed, on its `nth` hit."""

    name: str
    nth: int = 1


def fail_point() -> FailPoint | None:
    """Read `FRAMEHOP_FAIL_AT=<point>[@n]`, for fault tests; None when unset. Raises ConfigError for an unknown point."""
    text = os.environ.get("FRAMEHOP_FAIL_AT", "")
    if not text:
        return None
    name, _, nth = text.partition("@")
    if name not in FAIL_POINTS or not (nth or "1").isdigit():
        raise ConfigError(f"FRAMEHOP_FAIL_AT={text!r} is not one of {', '.join(FAIL_POINTS)}, optionally with @n")
    return FailPoint(name=name, nth=int(nth or "1"))


def engine_options(options: DetectOptions, device: int = 0, *, side_by_side: bool = False) -> EngineOptions:
    """Return the options of the engine on one of the devices, and make its engine cache. `side_by_side`: see EngineOptions. Raises
    ConfigError."""
    return dataclasses.replace(
        _engine_options(options), device=device, side_by_side=side_by_side, engine_cache=engine_cache(options, device)
    )


def _engine_options(options: DetectOptions) -> EngineOptions:
    """Return the part of the options that is an engine's. Raises ConfigError for values that no engine takes."""
    return EngineOptions(
        provider=options.provider,
        fp16=options.fp16,
        allow_fallback=options.allow_fallback,
        preprocess=options.preprocess,
        threads=options.infer_threads,
        max_batch=options.max_batch,
        conf=options.conf,
        class_conf=options.class_conf,
        classes=options.classes,
        exclude=options.exclude,
        tiles=options.tiles,
    )


def engine_cache(options: DetectOptions, device: int) -> Path | None:
    """Make a directory for TensorRT's engines of this GPU in the user's cache; None for other providers. Engines are machine code,
    so raises ConfigError for a directory in which others may write."""
    if options.provider != "tensorrt":
        return None
    return cache_dir("tensorrt", f"gpu-{device}")


def cache_dir(*names: str) -> Path:
    """Make a directory of mode 0700 in $XDG_CACHE_HOME or ~/.cache, below `framehop`. Raises ConfigError when that is not possible,
    or when others may write there."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().joinpath("framehop", *names)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise ConfigError(
            f"{path} for {names[0]}: {error.strerror}; set XDG_CACHE_HOME to a directory that you can write"
        ) from error
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ConfigError(f"{path} may be written by others, who could change what framehop keeps there: remove it")
    return path


def make_runtime_dir() -> Path:
    """Make a 0700 directory for sockets in $XDG_RUNTIME_DIR or the temporary directory, so that their paths stay short (107
    bytes)."""
    parent = os.environ.get("XDG_RUNTIME_DIR") or None
    if parent and not os.access(parent, os.W_OK):
        parent = None
    return Path(tempfile.mkdtemp(prefix="framehop-", dir=parent))


def runtime_parents() -> list[Path]:
    """Return where runtime directories of this user may lie. A service has no $XDG_RUNTIME_DIR, but a shell that looks for it has
    one."""
    named = (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}", tempfile.gettempdir())
    return list(dict.fromkeys(Path(name) for name in named if name))


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))
