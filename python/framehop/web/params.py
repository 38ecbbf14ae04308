"""Reads what a request asks for. Whatever does not parse is named, with what is allowed."""

from __future__ import annotations

import math
import re

from starlette.datastructures import QueryParams

from framehop.errors import InvalidArgumentError
from framehop.types import FramePointer, check_stream, parse_rfc3339

MAX_WIDTH = 16_384
MAX_WAIT_S = 10.0
MAX_OFFSET = (1 << 63) - 1


def whole(query: QueryParams, name: str, usual: int, *, least: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise InvalidArgumentError(f"{name} is a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)


def number(query: QueryParams, name: str, usual: float, *, most: float) -> float:
    text = query.get(name, "")
    try:
        value = float(text[:40]) if text else usual
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise InvalidArgumentError(f"{name} is a number from 0 to {most:g}, not {text[:40]!r}")
    return value


def moment(query: QueryParams, name: str) -> int | None:
    """Return a time in microseconds since 1970; None if none is asked for."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{name}: {error}") from error


def streams(query: QueryParams) -> tuple[str, ...]:
    return tuple(check_stream(name) for name in query.getlist("stream") if name)


def flag(query: QueryParams, name: str, *, usual: bool = False) -> bool:
    text = query.get(name, "")
    return text not in {"0", "false"} if text else usual


def unit(query: QueryParams, name: str) -> tuple[int, int] | None:
    """Return the epoch and the offset of a unit; None if none is named."""
    text = query.get(name, "")
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,18})/([0-9]{1,18})", text)
    if found is None:
        raise InvalidArgumentError(f"{name} is EPOCH/OFFSET of a unit, as 1795354262346000/42, not {text[:40]!r}")
    return int(found[1]), int(found[2])


def pointer(path: dict[str, str]) -> FramePointer:
    """Return the place of a frame, as the path names it."""
    partition, offset = (path[name] for name in ("partition", "offset"))
    for text in (partition, offset):
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_OFFSET):
            raise InvalidArgumentError("a frame's place is /TOPIC/PARTITION/OFFSET, as in the event's `frame`")
    return FramePointer(topic=path["topic"][:249], partition=min(int(partition), 1 << 31), offset=int(offset))
