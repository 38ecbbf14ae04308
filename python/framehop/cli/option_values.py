"""The values of what was typed, together with what the configuration file says."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from framehop.cli.units import parse_size
from framehop.config.detect_options import DEFAULT_LOG, MAX_LANES, MAX_PIXELS, DetectOptions
from framehop.config.file import FileConfig, load_config
from framehop.errors import ConfigError
from framehop.inference.engine_options import Preprocess
from framehop.inference.providers import Provider
from framehop.log import LogAt, SpoolOptions
from framehop.motion import When
from framehop.policies import parse_policies
from framehop.tracked import parse_tracks
from framehop.types import check_stream

T = TypeVar("T")


def detect_options(
    *,
    model: str,
    provider: Provider = "auto",
    fp16: bool = False,
    allow_fallback: bool = False,
    lane: str = "main",
    sample: float = 1.0,
    conf: list[str] | None = None,
    classes: list[str] | None = None,
    exclude: list[str] | None = None,
    min_size: float = 0.0,
    tiles: str = "",
    track: list[str] | None = None,
    policies: list[str] | None = None,
    when: When | None = None,
    config: Path | None = None,
    with_streams: bool = False,
    gpus: list[int] | None = None,
    workers: int,
    slots: int,
    slot_mib: float,
    max_batch: int,
    max_wait_ms: float = 0.0,
    lanes: str = "auto",
    preprocess: Preprocess = "auto",
    max_pixels: int = MAX_PIXELS,
) -> DetectOptions:
    """Return what was typed over what the file says. `with_streams`: whether what the file's streams say themselves is meant too,
    as where other programs read those. Raises ConfigError."""
    usual, class_conf = thresholds(conf or [])
    file = load_config(config) if config else FileConfig()
    from_file = file.detect
    by_pattern = _first(parse_policies(policies or []), from_file.parsed_policies)
    tracks = _first(parse_tracks(track or []), from_file.parsed_tracks)
    return DetectOptions(
        model=model,
        provider=provider,
        fp16=fp16,
        allow_fallback=allow_fallback,
        lane=lane,
        sample=sample,
        conf=usual,
        class_conf=class_conf,
        classes=separate(classes or []),
        exclude=separate(exclude or []),
        min_size_px=min_size,
        regions=from_file.regions,
        hop=from_file.hop,
        tiles=tiles,
        track=_first(file.stream_tracks, tracks) if with_streams else tracks,
        policies=_first(file.stream_policies, by_pattern) if with_streams else by_pattern,
        when=when or from_file.when,
        motion=from_file.motion,
        devices=tuple(gpus or [0]),
        workers=workers,
        slots=slots,
        slot_bytes=int(slot_mib * (1 << 20)),
        max_batch=max_batch,
        max_wait_ms=max_wait_ms,
        lanes=lane_number(lanes),
        preprocess=preprocess,
        max_pixels=max_pixels,
    )


def _first(first: dict[str, T], then: dict[str, T]) -> dict[str, T]:
    """Return both, in the order in which they are tried."""
    return first | {pattern: value for pattern, value in then.items() if pattern not in first}


def lane_number(text: str) -> int:
    """Return the number of lanes that was typed; 0 for `auto`."""
    if text == "auto":
        return 0
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LANES):
        raise ConfigError(f"--lanes takes auto, or a number from 1 to {MAX_LANES}, not {text[:64]!r}")
    return int(text)


def thresholds(texts: list[str]) -> tuple[float | None, dict[str, float]]:
    """Return the least confidence of all labels, if it is given, and those of single ones. The last of each counts."""
    usual, of_label = None, {}
    for text in texts:
        label, named, share = text.rpartition("=")
        try:
            value = float(share)
        except ValueError as error:
            raise ConfigError(
                f"--conf takes a number, as 0.3, or a label's, as person=0.35, not {text[:64]!r}"
            ) from error
        if named:
            of_label[label] = value
        else:
            usual = value
    return usual, of_label


def separate(texts: list[str]) -> tuple[str, ...]:
    """Split labels at commas, which may also be separate arguments. A label that contains a comma must be given by its number."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def log_at(log: str, config: Path | None) -> LogAt:
    """Return the log that `--log` and `--config` name together; `--log` wins."""
    at = load_config(config).log.at if config else LogAt(url="")
    return msgspec.structs.replace(at, url=log or at.url or DEFAULT_LOG)


def with_spool(at: LogAt, directory: str, size: str) -> LogAt:
    """Return the log with the spool of `--spool` and `--spool-max`. Raises ConfigError for a log that needs none."""
    if not (directory or size):
        return at
    if not at.is_kafka:
        raise ConfigError(
            f"{at.url}: a spool is for a log in Kafka; a log in a directory is on this machine's disk already"
        )
    spool = at.kafka.spool or SpoolOptions()
    if not (directory or at.kafka.spool):
        raise ConfigError("--spool-max needs --spool DIR, or a spool in --config")
    if directory:
        spool = msgspec.structs.replace(spool, dir=str(Path(directory).absolute()))
    if size:
        spool = msgspec.structs.replace(spool, max_bytes=parse_size(size, "--spool-max"))
    return msgspec.structs.replace(at, kafka=msgspec.structs.replace(at.kafka, spool=spool))


def named(sources: list[str], stream: str) -> list[str]:
    """Return the sources with `--stream` applied."""
    if not stream:
        return sources
    if len(sources) != 1:
        raise ConfigError(f"--stream names one source, and there are {len(sources)}: use NAME=SOURCE for each instead")
    check_stream(stream)
    return [f"{stream}={sources[0]}"]
