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
from tests.system.ui import Page, taps, ui
from tests.tiny_model import write_columns_model
from tests.waiting import until

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

    def sees(self) -> bool:
        """Return whether there is a picture that was not seen yet."""
        answer = self._page.client.get(f"/api/v1/latest/cam?after={self._after}&width={SIZE[0] // 2}&wait_s=2")
        if answer.status_code == 204:
            return False
        event = json.loads(unquote(answer.raise_for_status().headers["x-framehop-event"]))
        pixels = decode_jpeg(answer.content)
        assert pixels.shape[1] == SIZE[0] // 2
        assert number_in(pixels) == event["seq"] % COUNT
        self._after = event["event_id"]
        return True

    def sees_again(self) -> bool:
        self._after = ""
        return self.sees()


def test_films_come_from_the_ring_while_there_is_one(house: House) -> None:
    film = write_film(house.path / "film.mp4", COUNT)
    with ui(house) as page:
        look = Look(page)
        run = start(house, film)
        until(lambda: look.sees() and taps(house) == 1, "pictures, and the page's tap", 120)
        until(lambda: all(look.sees() for _ in range(5)), "more pictures")
        end(run)
        assert look.sees_again(), "the last picture, from the log"
        run = start(house, film)
        until(lambda: look.sees() and taps(house) == 1, "pictures, and the page's tap at the next pipeline", 120)
        until(lambda: taps(house) == 0, "the end of the tap, as nobody looks any more")
        end(run)
