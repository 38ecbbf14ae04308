"""A web service that detects objects in the pictures it is sent.

Usage: FRAMEHOP_LOG=./framehop-data uvicorn fastapi_service:app
       curl --data-binary @picture.jpg http://127.0.0.1:8000/streams/gate-1
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

import framehop

KEPT = 1000  # events that nobody has asked for yet
ANSWER_S = 10.0


class Desk:
    """Hands each event to the request that waits for it."""

    def __init__(self, pipeline: framehop.Pipeline) -> None:
        self.pipeline = pipeline
        self._found: OrderedDict[str, framehop.Event] = OrderedDict()
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        async for event in self.pipeline.events():
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
    log = os.environ.get("FRAMEHOP_LOG", "./framehop-data")
    options = framehop.DetectOptions(model=os.environ.get("FRAMEHOP_MODEL", "coco-ssd"))
    async with framehop.Pipeline(log, options=options) as pipeline:
        app.state.desk = desk = Desk(pipeline)
        reader = asyncio.create_task(desk.read())
        yield
        reader.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/streams/{stream}")
async def detect(stream: str, request: Request) -> dict[str, Any]:
    try:
        event = await request.app.state.desk.detect(stream, await request.body())
    except (framehop.FramehopError, TimeoutError) as error:
        raise HTTPException(422, str(error) or "no answer in time") from error
    objects = [{"label": found.label, "confidence": found.confidence, "box": found.box} for found in event.objects]
    return {"event_id": event.event_id, "outcome": event.outcome, "reason": event.reason, "objects": objects}


@app.get("/status")
async def status(request: Request) -> dict[str, Any]:
    now = request.app.state.desk.pipeline.status()
    return {"ready": now.ready, "events": now.counters.events, "processes": [process.pid for process in now.processes]}
