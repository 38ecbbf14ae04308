"""The page of a test, as framehop ui serves it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from framehop._core import decode_jpeg
from framehop.ring import find_rings
from tests.system.harness import House

BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that runs, and a client of it."""

    process: subprocess.Popen[bytes]
    said: dict[str, str]
    client: httpx.Client

    def got(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def memory(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextmanager
def ui(house: House, *words: str | Path) -> Iterator[Page]:
    """`framehop ui` on any free port, until Ctrl-C."""
    house.env["XDG_CACHE_HOME"] = str(house.path / "cache")
    where = () if "--log" in words else ("--log", house.log)
    process = house.start("ui", *where, "--port", "0", "--json", *words)
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    with client_of(said["url"]) as client:
        yield Page(process=process, said=said, client=client)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()


def client_of(url: str) -> httpx.Client:
    """Return a client of a page on this host, which may be served on every address."""
    return httpx.Client(base_url=f"http://127.0.0.1:{httpx.URL(url).port}", timeout=60, trust_env=False)


def seq_in(jpeg: bytes) -> int:
    """Return the number that testsrc has drawn along the top edge of a picture."""
    pixels = decode_jpeg(jpeg)
    field = pixels.shape[1] // BITS
    bits = pixels[2, field // 2 : field * BITS : field, 1] > 127
    return int("".join(str(int(bit)) for bit in bits), 2)


def taps(house: House) -> int:
    """Return how many taps the rings have."""
    ours = [found.look for found in find_rings([house.runtime]) if found.path.startswith(str(house.runtime))]
    return sum(holder.role == "tap" for look in ours if look is not None for holder in look.holders)
