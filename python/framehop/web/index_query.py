"""Looks for events in the index: a page at a time, and of a bounded cost even where millions do not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from framehop.errors import InvalidArgumentError
from framehop.log.sqlite import row, rows

EVERY = 0  # the name under which the index has each event
MAX_LIMIT = 200
MAX_NAMES = 50  # streams or labels in one query
LOOKED_AT = 20_000  # rows that are looked through for one page
_NEWEST = (1 << 62, 1 << 62)
_CURSOR = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})")

Cursor = tuple[int, int]  # captured_us and number of an event, by which the pages are in order

_ROWS = """
WITH near AS (
    SELECT captured_us, event, confidence FROM facets
    WHERE name=? AND (captured_us, event) < (?, ?) AND captured_us >= ?
    ORDER BY captured_us DESC, event DESC LIMIT ?
)
SELECT near.captured_us, near.event, events.json FROM near JOIN events ON events.id=near.event
WHERE near.confidence >= ? {more} ORDER BY near.captured_us DESC, near.event DESC LIMIT ?
"""
_LAST = """
SELECT captured_us, event FROM facets WHERE name=? AND (captured_us, event) < (?, ?) AND captured_us >= ?
ORDER BY captured_us DESC, event DESC LIMIT 1 OFFSET ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query for events: any of `streams` and any of `labels`, if they are named, with one object of at least `min_confidence`.
    `from_us`, `to_us`: captured since then, and before then. `cursor`: of the page before."""

    streams: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    min_confidence: float = 0.0
    outcome: str = ""
    lane: str = ""
    from_us: int | None = None
    to_us: int | None = None
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events as JSON, the newest first. `next_cursor`: of the next page; None at the end. A page may be short, or empty, although
    there is a next one: so much was looked through without a find."""

    events: list[bytes]
    next_cursor: str | None


def find(db: apsw.Connection, query: Query, names: Mapping[tuple[str, str], int]) -> Page:
    """Return one page. `names`: the numbers of names in the index. Raises InvalidArgumentError."""
    _check(query)
    before, since = _before(query), -(1 << 62) if query.from_us is None else query.from_us
    ranges, filters = _plan(query, names)
    found: dict[Cursor, bytes] = {}
    horizon: Cursor | None = None
    looked_at = max(MAX_LIMIT, LOOKED_AT // max(1, len(ranges)))
    for name in ranges:
        some = _rows(db, query, filters, name=name, before=before, since=since, looked_at=looked_at)
        found.update(some)
        if len(some) < query.limit and (last := row(db, _LAST, (name, *before, since, looked_at - 1))) is not None:
            horizon = last if horizon is None else max(horizon, (last[0], last[1]))
    return _page(found, horizon, query.limit)


def _page(found: dict[Cursor, bytes], horizon: Cursor | None, limit: int) -> Page:
    """Cut a page from what the ranges gave. Behind the horizon some range was not looked at."""
    cursors = sorted((cursor for cursor in found if horizon is None or cursor >= horizon), reverse=True)[:limit]
    end = cursors[-1] if len(cursors) == limit else horizon
    return Page(events=[found[cursor] for cursor in cursors], next_cursor=None if end is None else f"{end[0]}.{end[1]}")


def _rows(
    db: apsw.Connection,
    query: Query,
    filters: list[tuple[str, tuple[int, ...]]],
    *,
    name: int,
    before: Cursor,
    since: int,
    looked_at: int,
) -> dict[Cursor, bytes]:
    more = "".join(f" AND events.{column} IN ({','.join('?' * len(ids))})" for column, ids in filters)
    args = (name, *before, since, looked_at, query.min_confidence)
    values = [number for _, ids in filters for number in ids]
    found = rows(db, _ROWS.format(more=more), (*args, *values, query.limit))
    return {(captured_us, number): bytes(raw) for captured_us, number, raw in found}


def _plan(query: Query, names: Mapping[tuple[str, str], int]) -> tuple[list[int], list[tuple[str, tuple[int, ...]]]]:
    """Return the ranges of facets to walk, and what their events are held to besides. No range: nothing can fit."""
    asked = {
        "label": query.labels,
        "stream": query.streams,
        "outcome": (query.outcome,) if query.outcome else (),
        "lane": (query.lane,) if query.lane else (),
    }
    known = {
        kind: tuple(dict.fromkeys(names[kind, each] for each in wanted if (kind, each) in names))
        for kind, wanted in asked.items()
        if wanted
    }
    if not all(known.values()):
        return [], []
    walked = next(iter(known), None)
    ranges = [EVERY] if walked is None else list(known.pop(walked))
    return ranges, list(known.items())


def _before(query: Query) -> Cursor:
    """Return the cursor before which the page begins."""
    before = _NEWEST if query.to_us is None else (query.to_us, 0)
    if not query.cursor:
        return before
    found = _CURSOR.fullmatch(query.cursor)
    if found is None:
        raise InvalidArgumentError(f"cursor {query.cursor[:40]!r} is none of ours: take next_cursor of the page before")
    return min(before, (int(found[1]), int(found[2])))


def _check(query: Query) -> None:
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidArgumentError(f"limit is from 1 to {MAX_LIMIT}, not {query.limit}")
    if len(query.streams) > MAX_NAMES or len(query.labels) > MAX_NAMES:
        raise InvalidArgumentError(f"ask for at most {MAX_NAMES} streams and {MAX_NAMES} labels at a time")
    if not 0 <= query.min_confidence <= 1:
        raise InvalidArgumentError("min_confidence is from 0 to 1")
