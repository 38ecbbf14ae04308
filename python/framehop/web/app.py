"""The application: the routes of the API and the page's files, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from framehop.errors import FramehopError
from framehop.web.access import Access
from framehop.web.api import Api
from framehop.web.desk import Desk
from framehop.web.errors import ApiError
from framehop.web.guard import Guard
from framehop.web.operations import OPERATIONS
from framehop.web.responses import failure

STATIC = Path(__file__).parent / "static"


def make_app(
    desk: Desk, access: Access, *, names: Collection[str] = (), loopback: bool = True, cookie: str = "framehop"
) -> ASGIApp:
    """Return the application of `desk`, which its lifespan starts. The rest: see Guard."""
    api = Api(desk, access, cookie)
    routes = [
        Route(operation.path, getattr(api, operation.name), methods=[operation.method]) for operation in OPERATIONS
    ]
    files = [Mount("/static", StaticFiles(directory=STATIC))] if STATIC.is_dir() else []
    app = Starlette(
        routes=[*routes, Route("/", _page), *files],
        exception_handlers={FramehopError: _failed, HTTPException: _refused, Exception: _broken},
        lifespan=_lifespan(desk),
    )
    return Guard(app, access, names=names, loopback=loopback, cookie=cookie)


async def _page(request: Request) -> Response:
    page = STATIC / "index.html"
    if not page.is_file():
        raise ApiError(404, "this copy of framehop has no page; the API is there: /api/v1/openapi.json")
    return FileResponse(page, headers={"cache-control": "no-cache"})


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, FramehopError)
    return failure(error)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: no such path, or another method."""
    assert isinstance(error, HTTPException)
    what = "there is nothing at this path" if error.status_code == 404 else error.detail.lower()
    return failure(ApiError(error.status_code, f"{what}: /api/v1/openapi.json lists what there is"))


async def _broken(request: Request, error: Exception) -> Response:
    """Answer a fault of ours. Starlette raises it again for the log."""
    return failure(ApiError(500, "this request failed here: see the output of framehop"))


def _lifespan(desk: Desk) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        desk.feed.bind()
        desk.start()
        yield
        desk.feed.close()

    return lifespan
