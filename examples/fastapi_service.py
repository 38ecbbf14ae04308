"""A web service: what three cameras see, with boxes, and what is in the pictures that it is sent.

Usage: FRAMEHOP_LOG=./framehop-data uvicorn fastapi_service:app --timeout-graceful-shutdown 2
       curl http://127.0.0.1:8000/cameras/door/boxes
       a browser on http://127.0.0.1:8000/cameras/door/live
       curl --data-binary @picture.jpg http://127.0.0.1:8000/streams/gate-1

FRAMEHOP_CAMERAS names other cameras: "door=rtsp://user@host/stream yard=rtsp://…". Needs framehop with the extras cpu and video.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

import framehop

LOG = os.environ.get("FRAMEHOP_LOG", "./framehop-data")
MODEL = os.environ.get("FRAMEHOP_MODEL", "coco-ssd")
CAMERAS = os.environ.get(
    "FRAMEHOP_CAMERAS", "door=testsrc:?rate=10 yard=testsrc:?rate=10 gate=testsrc:?rate=10"
).split()
KEPT = 1000  # events that nobody has asked for yet
ANSWER_S = 10.0


class Desk:
    """Keeps the newest event of each camera, and hands each event of a pushed picture to the request that waits for it."""

    def __init__(self, pipeline: framehop.Pipeline, cameras: list[str]) -> None:
        self.pipeline = pipeline
        self.newest: dict[str, framehop.Event | None] = dict.fromkeys(cameras)
        self._found: OrderedDict[str, framehop.Event] = OrderedDict()
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        async for event in self.pipeline.events():
            if event.stream in self.newest:
                self.newest[event.stream] = event
                continue
            async with self._changed:
                self._found[event.event_id] = event
                while len(self._found) > KEPT:
                    self._found.popitem(last=False)
                self._changed.notify_all()

    async def detect(self, stream: str, jpeg: bytes) -> framehop.Event:
        key = await run_in_threadpool(self.pipeline.push, stream, jpeg)
        wanted = key.event_id("main")
        async with self._changed, asyncio.timeout(ANSWER_S):
            await self._changed.wait_for(lambda: wanted in self._found)
            return self._found.pop(wanted)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with framehop.Pipeline(LOG, options=framehop.DetectOptions(model=MODEL)) as pipeline:
        names = await run_in_threadpool(pipeline.add_all, *CAMERAS)
        app.state.desk = desk = Desk(pipeline, names)
        reader = asyncio.create_task(desk.read())
        yield
        reader.cancel()


app = FastAPI(lifespan=lifespan)


def as_json(event: framehop.Event) -> dict[str, Any]:
    objects = [{"label": found.label, "confidence": found.confidence, "box": found.box} for found in event.objects]
    return {"event_id": event.event_id, "outcome": event.outcome, "reason": event.reason, "objects": objects}


def check_camera(request: Request, camera: str) -> None:
    cameras = request.app.state.desk.newest
    if camera not in cameras:
        raise HTTPException(404, f"no camera {camera}; there are {', '.join(cameras)}")


@app.get("/cameras/{camera}/boxes")
async def boxes(camera: str, request: Request) -> dict[str, Any]:
    """The newest event of a camera."""
    check_camera(request, camera)
    event = request.app.state.desk.newest[camera]
    if event is None:
        raise HTTPException(503, f"{camera} has no event yet")
    return as_json(event)


@app.get("/cameras/{camera}/live")
async def live(camera: str, request: Request) -> StreamingResponse:
    """Pictures with their boxes as Motion JPEG, for an <img> of a page."""
    check_camera(request, camera)
    return StreamingResponse(motion_jpeg(camera), media_type="multipart/x-mixed-replace; boundary=frame")


async def motion_jpeg(camera: str) -> AsyncIterator[bytes]:
    """Serve the stream as Motion JPEG. Nothing is decoded while nobody looks, and a slow browser gets fewer pictures, not older
    ones."""
    async with framehop.live(LOG, streams=[camera]) as newest:
        async for event, picture in newest:
            drawn = await run_in_threadpool(framehop.draw, picture, event)
            jpeg = await run_in_threadpool(framehop.encode_jpeg, drawn)
            yield b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)


@app.post("/streams/{stream}")
async def detect(stream: str, request: Request) -> dict[str, Any]:
    """The event of a picture, the bytes of a JPEG."""
    try:
        return as_json(await request.app.state.desk.detect(stream, await request.body()))
    except (framehop.FramehopError, TimeoutError) as error:
        raise HTTPException(422, str(error) or "no answer in time") from error


@app.get("/status")
async def status(request: Request) -> dict[str, Any]:
    now = request.app.state.desk.pipeline.status()
    return {"ready": now.ready, "events": now.counters.events, "processes": [process.pid for process in now.processes]}
