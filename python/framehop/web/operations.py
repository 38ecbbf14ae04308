"""Every path of the API in one table, from which the routes and their OpenAPI document are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from framehop.types import Event
from framehop.web.answers import Answer, Choices, EventPage, LagAnswer, Session, StreamList, System

Kind = Literal["string", "integer", "number", "boolean"]
Body = type[Answer] | type[Event] | str | None  # a JSON document, a media type, or nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query. `many`: it may be repeated."""

    name: str
    kind: Kind
    text: str
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path and method. `name`: of the method of Api that answers. `also`: further statuses that are answers, with what they
    say. `errors`: the statuses of its refusals, besides those of every request (400, 401, 403, 503)."""

    path: str
    name: str
    summary: str
    answer: Body
    method: Literal["GET", "POST"] = "GET"
    status: int = 200
    query: tuple[Parameter, ...] = ()
    also: tuple[tuple[int, str], ...] = ()
    errors: tuple[int, ...] = ()


STREAM = Parameter(name="stream", kind="string", text="Only of this stream; repeated, of any of them.", many=True)
LANE = Parameter(name="lane", kind="string", text="Only of this lane; for a frame or a lag, `main` if it is not named.")
WIDTH = Parameter(
    name="width", kind="integer", text="The least width, in pixels: the picture is halved as often as it stays so wide."
)

OPERATIONS = (
    Operation(
        path="/api/v1/session", name="session", summary="What is looked at, and whether one may.", answer=Session
    ),
    Operation(
        path="/api/v1/login",
        name="login",
        method="POST",
        status=204,
        summary="Log in with the token; sets a cookie.",
        answer=None,
        errors=(408, 413, 429),
    ),
    Operation(path="/api/v1/logout", name="logout", method="POST", status=204, summary="End the session.", answer=None),
    Operation(path="/api/v1/streams", name="streams", summary="Every stream and its state.", answer=StreamList),
    Operation(
        path="/api/v1/streams/{stream}/{change}",
        name="change",
        method="POST",
        status=204,
        summary="Pause or resume a stream that a pipeline of this host reads; needs a token with control.",
        answer=None,
        errors=(404, 504),
    ),
    Operation(
        path="/api/v1/events",
        name="events",
        summary="Events, the newest first, a page at a time.",
        answer=EventPage,
        query=(
            STREAM,
            Parameter(name="label", kind="string", text="With an object of this label; repeated, of any.", many=True),
            Parameter(name="min_confidence", kind="number", text="With an object at least so sure, 0 to 1."),
            Parameter(name="outcome", kind="string", text="detected, skipped or failed."),
            LANE,
            Parameter(name="from", kind="string", text="Captured since then, RFC 3339."),
            Parameter(name="to", kind="string", text="Captured before then, RFC 3339."),
            Parameter(name="cursor", kind="string", text="next_cursor of the page before."),
            Parameter(name="limit", kind="integer", text="Events on a page, 1 to 200; 50 if it is not named."),
        ),
    ),
    Operation(
        path="/api/v1/events/{event_id:path}",
        name="event",
        summary="One event, as the log has it.",
        answer=Event,
        errors=(404,),
    ),
    Operation(path="/api/v1/labels", name="labels", summary="What events can be filtered by.", answer=Choices),
    Operation(
        path="/api/v1/frames/{topic}/{partition}/{offset}",
        name="frame",
        summary="The picture of a frame, by its place in the log.",
        answer="image/jpeg",
        query=(Parameter(name="boxes", kind="boolean", text="Draw the boxes of its event in."), LANE, WIDTH),
        errors=(410, 415, 501, 504),
    ),
    Operation(
        path="/api/v1/latest/{stream}",
        name="latest",
        summary="The newest picture of a stream, with its event in the header X-Framehop-Event.",
        answer="image/jpeg",
        also=((204, "There is none newer."),),
        query=(
            Parameter(name="after", kind="string", text="The id of the event that is shown already."),
            WIDTH,
            Parameter(name="wait_s", kind="number", text="How long to wait for a newer one, 0 to 10."),
        ),
        errors=(410, 415, 504),
    ),
    Operation(
        path="/api/v1/units/{stream}",
        name="units",
        summary="What is new of a film in H.264, as it is in the log, up to the newest event: the length of a UnitList in four "
        "bytes, that as JSON, and the units. 415 if the stream is none.",
        answer="application/octet-stream",
        also=((204, "Nothing is new."),),
        query=(
            Parameter(
                name="after", kind="string", text="EPOCH/OFFSET of the last unit before; else from a key frame on."
            ),
            Parameter(name="wait_s", kind="number", text="How long to wait for something new, 0 to 10."),
        ),
        errors=(410, 415, 504),
    ),
    Operation(
        path="/api/v1/live",
        name="live",
        summary="Server-sent events: `events` with what is new, `streams` once a second with what has changed about them.",
        answer="text/event-stream",
        query=(STREAM, Parameter(name="events", kind="boolean", text="0 for `streams` alone.")),
    ),
    Operation(path="/api/v1/lag", name="lag", summary="How far detection is behind.", answer=LagAnswer, query=(LANE,)),
    Operation(
        path="/api/v1/system", name="system", summary="Pipelines of this host, and figures of 60 s.", answer=System
    ),
    Operation(path="/api/v1/openapi.json", name="openapi", summary="This document.", answer="application/json"),
    Operation(path="/healthz", name="healthz", summary="200 while the server runs.", answer="text/plain"),
    Operation(
        path="/readyz",
        name="readyz",
        summary="200 when models are loaded, partitions are read and the lag is small.",
        answer="text/plain",
        also=((503, "Not ready: a sentence on each line for what is missing."),),
    ),
    Operation(path="/metrics", name="metrics", summary="Metrics for Prometheus.", answer="text/plain"),
)
