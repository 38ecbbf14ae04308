"""The page and the HTTP API under it: they show a log and its pipelines, and change nothing. Needs the extra `web`."""

from __future__ import annotations

from importlib.util import find_spec

from framehop.errors import MissingExtraError
from framehop.installing import install

NEEDED = ("starlette", "uvicorn", "prometheus_client")

if missing := [name for name in NEEDED if find_spec(name) is None]:
    raise MissingExtraError(f"the page needs {', '.join(missing)}: {install('web')}")
