"""Pictures of films on the page: from the ring of the pipeline that runs, from the log while there is none."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from urllib.parse import unquote

from framehop._core import decode_jpeg
from tests.clips import BITS, SIZE, number_in, write_film
from tests.system.harness import House
from tests.system.test_ui import Page, ui
from tests.tiny_model import write_columns_model
from tests.waiting import until

IN_RING, IN_LOG = (
    SIZE[0] // 8,
    SIZE[0] // 4,
)  # the widths of pictures: the network needs few pixels, the page asks for some more
ASKED = IN_RING + 4
COUNT = 1000  # pictures of the film, which is read again and again


def start(house: House, film: Path) -> subprocess.Popen[bytes]:
    model = write_columns_model(house.path, BITS)
    words = ("--log", house.log, "--model", model, "--policy", "latest", "--loop", "0")
    return house.start("run", f"cam={film}", *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGINT)
    run.wait(60)


class Look:
    """Somebody who looks at the film. Each picture must be that of its event."""

    def __init__(self, page: Page) -> None:
        self._page, self._after = page, ""

    def width(self) -> int:
        """Return how wide the newest picture is, 0 if there is none newer."""
        answer = self._page.client.get(f"/api/v1/latest/cam?after={self._after}&width={ASKED}&wait_s=2")
        if answer.status_code == 204:
            return 0
        event = json.loads(unquote(answer.raise_for_status().headers["x-framehop-event"]))
        pixels = decode_jpeg(answer.content)
        assert number_in(pixels) == event["seq"] % COUNT
        self._after = event["event_id"]
        return int(pixels.shape[1])

    def again(self) -> int:
        """Return the width of the newest picture, seen before or not."""
        self._after = ""
        return self.width()


def test_films_come_from_the_ring_while_there_is_one(house: House) -> None:
    film = write_film(house.path / "film.mp4", COUNT)
    with ui(house) as page:
        look = Look(page)
        run = start(house, film)
        until(lambda: look.width() == IN_LOG, "a first picture, which is of the log", 120)
        until(lambda: look.width() == IN_RING, "pictures of the ring")
        end(run)
        until(lambda: look.again() == IN_LOG, "the last picture, from the log")
        run = start(house, film)
        until(lambda: look.width() == IN_RING, "pictures of the next pipeline's ring", 120)
        assert taps(house) == 1
        until(lambda: taps(house) == 0, "the end of the tap, as nobody looks any more")
        end(run)


def taps(house: House) -> int:
    """Return how many taps the rings have."""
    done = house.framehop("ring", "ls", "--json")
    assert done.returncode == 0, done.stderr
    return sum(holder["role"] == "tap" for ring in json.loads(done.stdout) for holder in ring["holders"])
