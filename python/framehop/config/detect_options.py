"""The options for detecting frames on one host."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from framehop import _core
from framehop.config.environment import cache_dir
from framehop.errors import ConfigError
from framehop.inference.engine_options import EngineOptions, Preprocess
from framehop.inference.providers import Provider
from framehop.motion import Motion, When
from framehop.policies import Policy, check_policies
from framehop.protocols import Start
from framehop.regions import Regions, check_regions
from framehop.tracked import Track, check_tracks

MIB = 1 << 20

Hop = Literal["zmq", "shm"]
MAX_PIXELS = 67_108_864  # 8192 x 8192
MAX_WAIT_MS = 1000.0  # longer, and workers run out of slots while pictures wait
MAX_LANES = 256  # threads of one process; far more than cores would only be in each other's way

# The lane is part of an event's id, after a slash, and of the group's name, which has at most 128 characters.
_LANE = re.compile(r"[A-Za-z0-9._-]{1,100}")

DEFAULT_LOG = "./framehop-data"


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
    picture after scaled decode. `tap_quota`: slots for taps beside those; the page and `framehop.live` leave the last one free.
    `hop`: what descriptors and boxes travel by between workers and detectors, shared memory, which takes 32 MiB for each worker, or
    ZeroMQ. `max_pixels`: a picture whose header claims more is refused. `max_attempts`: a frame is given up after a worker has died
    this often while decoding it. `devices`: the GPUs by number, one detector for each; on the CPU only their count matters.
    `drain_s`: how long frames in flight may take after Ctrl-C; the whole end may take 17 s more.

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
    tap_quota: int = 4
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
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be 0 or more, and a finite number, not {getattr(self, name)}")
        self._check_lanes()
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

    def _check_lanes(self) -> None:
        if not 0 <= self.max_wait_ms <= MAX_WAIT_MS:
            raise ConfigError(f"max_wait_ms must be 0 to {MAX_WAIT_MS:g} milliseconds, not {self.max_wait_ms}")
        for name in ("lanes", "decode_threads", "infer_threads"):
            if getattr(self, name) > MAX_LANES:
                raise ConfigError(f"{name} must be at most {MAX_LANES}, not {getattr(self, name)}")
        if self.lanes > 1 < self.infer_threads:
            raise ConfigError(
                f"{self.lanes} lanes share one network, and each has one thread: infer_threads {self.infer_threads} needs lanes 1"
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
