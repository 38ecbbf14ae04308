"""Parse and print what people type: ages, sizes, moments."""

from __future__ import annotations

import math
import re

from framehop.errors import ConfigError, InvalidArgumentError
from framehop.protocols import Start
from framehop.types import parse_rfc3339

_AGE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(B|kB|MB|GB|KiB|MiB|GiB)?")
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_age(text: str, option: str) -> float:
    """Parse an age such as 90s, 10m, 24h, 7d to seconds. Raises ConfigError."""
    match = _AGE.fullmatch(text)
    if not match:
        raise ConfigError(f"{option} {text[:40]}: not an age; use a number and its unit, as in 90s, 10m, 24h, 7d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size(text: str, option: str) -> int:
    """Parse a size such as 4MiB, 500kB, 65536 to bytes. Raises ConfigError."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ConfigError(f"{option} {text[:40]}: not a size; use bytes or a number and its unit, as in 4MiB, 500kB")
    return math.ceil(float(match[1]) * _BYTES[match[2] or "B"])


def shown_size(size: float) -> str:
    """Format bytes for people: three digits and a unit."""
    for unit in ("GB", "MB", "kB"):
        if size >= _BYTES[unit]:
            return f"{size / _BYTES[unit]:.3g} {unit}"
    return f"{size:.0f} bytes"


def shown_age(seconds: float) -> str:
    """Format seconds for people: one number and a unit."""
    for unit, name in (("d", "days"), ("h", "hours"), ("m", "minutes")):
        if seconds >= 2 * _SECONDS[unit]:
            return f"{seconds / _SECONDS[unit]:.0f} {name}"
    return "1 second" if f"{seconds:.0f}" == "1" else f"{seconds:.0f} seconds"


def parse_moment(text: str, option: str, now_us: int) -> int:
    """Parse an RFC 3339 time, or an age before `now_us`, to microseconds since 1970. Raises ConfigError."""
    if _AGE.fullmatch(text):
        return max(0, now_us - int(parse_age(text, option) * 1e6))
    try:
        return parse_rfc3339(text)
    except InvalidArgumentError:
        raise ConfigError(
            f"{option} {text[:40]}: neither an age, as 90s, 10m or 2h, nor a time with its zone, as 2026-01-31T12:00:00Z"
        ) from None


def parse_start(text: str, option: str, now_us: int) -> tuple[Start, int | None]:
    """Parse `beginning`, `latest`, or a moment: where to start, and since when. Raises ConfigError."""
    match text:
        case "beginning" | "latest":
            return text, None
    try:
        return "beginning", parse_moment(text, option, now_us)
    except ConfigError as error:
        raise ConfigError(f"{error}, and not beginning or latest") from None
