"""Answers every request of the API; `operations` says which there are."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from framehop._core import __version__
from framehop.errors import InvalidArgumentError
from framehop.pipeline.control_plane.of_log import LANE
from framehop.timing import now_us
from framehop.types import EventRecord, check_stream
from framehop.web import params
from framehop.web.access import Access
from framehop.web.answers import Choices, EventPage, IndexState, LagAnswer, Session
from framehop.web.bodies import read_login
from framehop.web.desk import Desk
from framehop.web.errors import ApiError
from framehop.web.guard import cookie_of
from framehop.web.health import problems
from framehop.web.index_query import Query
from framehop.web.live_stream import LiveStream
from framehop.web.metrics import CONTENT_TYPE, exposition
from framehop.web.news import StreamNews
from framehop.web.openapi import document
from framehop.web.pipelines import change_stream
from framehop.web.responses import json_of, picture, raw_json
from framehop.web.stream_list import listed, told
from framehop.web.system import system_of

CHANGE_S = 20.0
PATIENCE_S = 1.5  # what a request waits for a fresh look at what is slow
LARGEST_IN_HEADER = 32 << 10
KEPT_OBJECTS, LONGEST_LABEL = 100, 100  # of an event that is larger
STRANGER = Session(
    log="",
    version="",
    now_us=0,
    read_only=True,
    authenticated=False,
    log_error="",
    passed_over=0,
    full=False,
    index=IndexState(events=0, oldest_us=0, newest_us=0, catching_up=False),
)


class Api:
    """The handlers of one desk's requests, which run in the event loop; whatever blocks goes to the desk's threads."""

    def __init__(self, desk: Desk, access: Access, cookie: str) -> None:
        """`cookie`: the name of the session's."""
        self._desk, self._access, self._cookie = desk, access, cookie
        self._openapi = document()
        self._news, self._looking = StreamNews(lambda: told(desk, PATIENCE_S)), asyncio.Lock()

    # ---- who looks, and at what

    async def session(self, request: Request) -> Response:
        if not request.state.authenticated:
            return json_of(msgspec.structs.replace(STRANGER, now_us=now_us()))
        desk = self._desk
        count, oldest, newest = await desk.pool.run(desk.index.bounds)
        index = IndexState(
            events=count,
            oldest_us=oldest,
            newest_us=newest,
            catching_up=desk.follower.catching_up,
            error=desk.handout.error,
        )
        return json_of(
            Session(
                log=desk.at.url,
                version=__version__,
                now_us=now_us(),
                read_only=not request.state.controls,
                authenticated=True,
                log_error=desk.error,
                passed_over=desk.follower.passed_over,
                full=desk.feed.full,
                index=index,
            )
        )

    async def login(self, request: Request) -> Response:
        token = await read_login(request)
        value = self._access.login(token, request.client.host if request.client else "")
        response = Response(status_code=204)
        response.set_cookie(self._cookie, value, httponly=True, samesite="strict", path="/")
        return response

    async def logout(self, request: Request) -> Response:
        self._access.logout(cookie_of(request.headers, self._cookie))
        response = Response(status_code=204)
        response.delete_cookie(self._cookie, path="/", httponly=True, samesite="strict")
        return response

    # ---- streams and events

    async def streams(self, request: Request) -> Response:
        return raw_json(await self._desk.pool.run(lambda: listed(self._desk, PATIENCE_S)))

    async def change(self, request: Request) -> Response:
        if not request.state.controls:
            raise ApiError(
                403, "log in with a token that is followed by control in the --token-file: yours may only look"
            )
        stream, change = check_stream(request.path_params["stream"]), request.path_params["change"]
        if change not in ("pause", "resume"):
            raise ApiError(404, f"a stream can be paused and resumed here: there is no {change[:40]!r}")
        await self._desk.pool.run(lambda: change_stream(self._desk.at, stream, change), CHANGE_S)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        asked = request.query_params
        query = Query(
            streams=params.streams(asked),
            labels=tuple(label for label in asked.getlist("label") if label),
            min_confidence=params.number(asked, "min_confidence", 0.0, most=1.0),
            outcome=asked.get("outcome", ""),
            lane=asked.get("lane", ""),
            from_us=params.moment(asked, "from"),
            to_us=params.moment(asked, "to"),
            cursor=asked.get("cursor", ""),
            limit=params.whole(asked, "limit", 50, least=1, most=200),
        )
        page = await self._desk.pool.run(lambda: self._desk.index.page(query))
        return json_of(EventPage(events=[msgspec.Raw(raw) for raw in page.events], next_cursor=page.next_cursor))

    async def event(self, request: Request) -> Response:
        event_id = request.path_params["event_id"]
        raw = await self._desk.pool.run(lambda: self._desk.index.event(event_id))
        if raw is None:
            raise ApiError(404, "the index has no such event: it is too old, or not read yet, or there never was one")
        return raw_json(raw)

    async def labels(self, request: Request) -> Response:
        names = self._desk.index.names
        return json_of(
            Choices(labels=names("label"), streams=names("stream"), lanes=names("lane"), outcomes=names("outcome"))
        )

    # ---- pictures

    async def frame(self, request: Request) -> Response:
        asked, place = request.query_params, params.pointer(request.path_params)
        width = params.whole(asked, "width", 0, least=1, most=params.MAX_WIDTH)
        lane = (asked.get("lane") or LANE)[:100] if params.flag(asked, "boxes") else ""
        made = await self._desk.pictures.shown(place, width=width, lane=lane)
        return picture(made.jpeg, width=made.width, height=made.height)

    async def latest(self, request: Request) -> Response:
        stream, asked = check_stream(request.path_params["stream"]), request.query_params
        width = params.whole(asked, "width", 0, least=1, most=params.MAX_WIDTH)
        wait_s = params.number(asked, "wait_s", 0.0, most=params.MAX_WAIT_S)
        found = await self._desk.newest.after(stream, asked.get("after", ""), width=width, wait_s=wait_s)
        if found is None:
            return Response(status_code=204)
        response = picture(found.shown.jpeg, width=found.shown.width, height=found.shown.height)
        response.headers["x-framehop-event"] = in_header(found.record)
        return response

    async def units(self, request: Request) -> Response:
        stream, asked = check_stream(request.path_params["stream"]), request.query_params
        wait_s = params.number(asked, "wait_s", 0.0, most=params.MAX_WAIT_S)
        found = await self._desk.newest.units(stream, params.unit(asked, "after"), wait_s=wait_s)
        return Response(status_code=204) if found is None else Response(found, media_type="application/octet-stream")

    # ---- what is new, and figures

    async def live(self, request: Request) -> ASGIApp:
        """Follow until the client leaves, or the session ends that it came by; a bearer token does not end."""
        cookie = cookie_of(request.headers, self._cookie)
        session = self._access.has_session(cookie)
        asked = request.query_params
        streams = params.streams(asked)
        return LiveStream(
            self._desk.feed,
            streams,
            lambda number: self._changes(number, streams),
            lambda: not session or self._access.has_session(cookie),
            events=params.flag(asked, "events", usual=True),
        )

    async def _changes(self, number: int, streams: Collection[str]) -> tuple[int, bytes]:
        """Return what has changed since look `number`. One looks for all who follow."""
        async with self._looking:
            if self._news.is_old:
                await self._desk.pool.run(self._news.look_again)
            # One after the other too: all who waited for the look would fill the pool's queue at once.
            return await self._desk.pool.run(lambda: self._news.since(number, streams))

    async def lag(self, request: Request) -> Response:
        lane = request.query_params.get("lane") or LANE
        if lane != LANE and lane not in self._desk.index.names("lane"):
            raise InvalidArgumentError(f"no event of lane {lane[:100]!r} was seen: /api/v1/labels names the lanes")
        look = self._desk.lag(lane)
        seen = await self._desk.pool.run(lambda: look.latest(PATIENCE_S))
        late = "the log has not answered yet" if seen.age_s is None else ""
        return json_of(LagAnswer(partitions=seen.value, error=seen.error or late))

    async def system(self, request: Request) -> Response:
        lag = self._desk.lag()
        return json_of(await self._desk.pool.run(lambda: system_of(self._desk, lag, PATIENCE_S)))

    # ---- for machines

    async def openapi(self, request: Request) -> Response:
        return raw_json(self._openapi)

    async def healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        lag = self._desk.lag()
        found = await self._desk.pool.run(lambda: problems(self._desk, lag, PATIENCE_S))
        return PlainTextResponse("\n".join(found or ["ready"]) + "\n", 503 if found else 200)

    async def metrics(self, request: Request) -> Response:
        lag = self._desk.lag()
        text = await self._desk.pool.run(lambda: exposition(self._desk, lag, PATIENCE_S))
        return Response(text, media_type=CONTENT_TYPE)


def in_header(record: EventRecord) -> str:
    """Return an event's JSON as it goes into a header. One that is too large for a browser keeps its strongest objects."""
    raw = record.raw
    if len(raw) > LARGEST_IN_HEADER:
        strongest = sorted(record.event.objects, key=lambda found: -found.confidence)[:KEPT_OBJECTS]
        short = [replace(found, label=found.label[:LONGEST_LABEL]) for found in strongest]
        raw = msgspec.json.encode(replace(record.event, objects=short, reason=record.event.reason[:LONGEST_LABEL]))
    return quote(raw, safe="{}[]:,.-/")
