"""Runs what the documents show: the examples, and the Python in README and docs/log.md."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import framehop
from framehop.sources import parse_source
from framehop.sources.testsrc import ShapesSource
from tests.system.harness import House
from tests.tiny_model import write_model
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
COUNT = 6
SHAPES = f"testsrc:?size=320x240&count={COUNT}"


def python(house: House, *args: str | Path) -> str:
    """Run the interpreter in the house; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, args)],
        cwd=house.path,
        env=house.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def snippets(document: str) -> Iterator[str]:
    yield from re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


def shapes() -> ShapesSource:
    source = parse_source(SHAPES)
    assert isinstance(source, ShapesSource)
    return source


@pytest.fixture
def clip(house: House) -> Path:
    """A film of the test card, made here."""
    path = house.path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 320, 240
        for picture in shapes().pictures():
            pixels = np.asarray(framehop.decode_jpeg(picture.payload))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_run_a_source(house: House) -> None:
    lines = python(house, ROOT / "examples" / "run_a_source.py", house.log, SHAPES).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"testsrc #{seq}" for seq in range(COUNT)]


def test_ingest_then_detect(house: House) -> None:
    printed = python(house, ROOT / "examples" / "ingest_then_detect.py", house.log, SHAPES)
    assert printed.splitlines() == [f"{COUNT} frames are in the log", f"{COUNT} detected", "0 missing, 0 duplicates"]


def test_own_service(house: House) -> None:
    good, bad = house.path / "good.jpg", house.path / "bad.jpg"
    good.write_bytes(next(shapes().pictures()).payload)
    bad.write_bytes(b"not a picture")
    lines = python(house, ROOT / "examples" / "own_service.py", good, bad, good).splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(good), str(bad), str(good)]
    assert lines[0] == lines[2] != lines[1]


def test_push_pictures(house: House) -> None:
    names = [house.path / f"{seq}.jpg" for seq in range(3)]
    for path, picture in zip(names, shapes().pictures(), strict=False):
        path.write_bytes(picture.payload)
    printed = python(house, ROOT / "examples" / "push_pictures.py", house.log, "gate-1", *names)
    assert printed.splitlines() == [f"{path}: seq {seq}" for seq, path in enumerate(names)]
    with framehop.open_log(house.log, create=False) as log:
        metas = list(log.scan_frames())
        found = [log.read_frame(meta.pointer) for meta in metas]
    assert [meta.clock for meta in metas] == ["camera"] * 3
    assert [bytes(record.payload or b"") for record in found if record] == [path.read_bytes() for path in names]


def test_fastapi_service(house: House) -> None:
    """Under `--reload`: a new process takes over from the old one, and nothing of that stays."""
    port = free_port()
    shutil.copy(ROOT / "examples" / "fastapi_service.py", house.path)
    env = house.env | {"FRAMEHOP_LOG": str(house.log), "FRAMEHOP_MODEL": str(write_model(house.path))}
    service = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "fastapi_service:app",
            "--reload",
            "--timeout-graceful-shutdown",
            "2",
            "--port",
            str(port),
        ],
        cwd=house.path,
        env=env,
        stderr=subprocess.PIPE,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            before = _processes(client, [])
            _detects(client)
            _shows_cameras(client)
            (house.path / "fastapi_service.py").touch()
            after = _processes(client, before)
            assert not set(after) & set(before)
            _detects(client)
    finally:
        service.send_signal(signal.SIGINT)
        _, stderr = service.communicate(timeout=60)
    assert b"Traceback" not in stderr, stderr.decode()
    house.assert_nothing_left()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _processes(client: httpx.Client, others: list[int]) -> list[int]:
    """The processes of a pipeline that is ready and is not the one with `others`."""
    found: list[int] = []

    def ready() -> bool:
        try:
            status = client.get("/status").json()
        except httpx.TransportError:  # not up yet, or just going
            return False
        found[:] = status["processes"]
        return bool(status["ready"]) and found != others

    until(ready, "a service that is ready", 60)
    return found


def _detects(client: httpx.Client) -> None:
    answer = client.post("/streams/gate-1", content=next(shapes().pictures()).payload)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "detected"
    refused = client.post("/streams/gate-1", content=b"no picture")
    assert refused.status_code == 422
    assert "do not begin as a JPEG does" in refused.json()["detail"]


def _shows_cameras(client: httpx.Client) -> None:
    """Each camera has boxes and a live picture, which changes."""
    for camera in ("door", "yard", "gate"):
        event = _newest_boxes(client, camera)
        assert str(event["event_id"]).startswith(f"{camera}/")
        assert event["outcome"] in {"detected", "skipped"}
    one, two = _live_pictures(client, "yard", 2)
    assert one.shape == two.shape == (360, 640, 3)
    assert not np.array_equal(one, two)
    assert client.get("/cameras/cellar/live").status_code == 404


def _newest_boxes(client: httpx.Client, camera: str) -> dict[str, object]:
    def there() -> bool:
        return client.get(f"/cameras/{camera}/boxes").status_code == 200

    until(there, f"boxes of {camera}")
    found: dict[str, object] = client.get(f"/cameras/{camera}/boxes").json()
    return found


def _live_pictures(client: httpx.Client, camera: str, count: int) -> list[NDArray[np.uint8]]:
    """Read so many parts of a camera's Motion JPEG, and go."""
    with client.stream("GET", f"/cameras/{camera}/live") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        received = b""
        for chunk in answer.iter_bytes():
            received += chunk
            if received.count(b"--frame\r\n") > count:
                break
    parts = received.split(b"--frame\r\n")[1 : count + 1]
    return [framehop.decode_jpeg(part.partition(b"\r\n\r\n")[2]) for part in parts]


def test_the_python_of_the_page_on_embedding(house: House, clip: Path) -> None:
    code, pushing, watching = snippets("docs/embed.md")
    assert f'"{clip.name}"' in code
    lines = python(house, "-c", code).splitlines()
    assert [line.split("/")[2] for line in lines] == [str(seq) for seq in range(COUNT)]
    assert python(house, "-c", watching).splitlines() == [f"gate-1 {COUNT - 1} (240, 320, 3)"]
    assert python(house, "-c", pushing) == ""
    with framehop.open_log(house.path / "framehop-data", create=False) as log:
        assert {meta.key.stream for meta in log.scan_frames()} == {"gate-1", "gate-2"}


def test_every_example_is_run_here() -> None:
    shown = {path.stem for path in (ROOT / "examples").glob("*.py")}
    elsewhere = {"tap"}  # beside a running pipeline, in test_live_frames.py
    assert {f"test_{name}" for name in shown - elsewhere} <= set(globals())


def test_the_python_of_readme(house: House, clip: Path) -> None:
    code, watching = snippets("README.md")
    assert f'"{clip.name}"' in code
    lines = python(house, "-c", code).splitlines()
    assert [line.split("/")[2] for line in lines] == [str(seq) for seq in range(COUNT)]
    python(house, "-c", watching)
    with Image.open(house.path / "newest.jpg") as picture:
        assert picture.size == (320, 240)


def test_the_python_of_the_page_on_rings(house: House) -> None:
    handed_over, in_planes = snippets("docs/ring.md")
    assert python(house, "-c", handed_over) == "gate-1 7.0\n"
    assert python(house, "-c", in_planes) == "nv12 (480, 640) (240, 320, 2) 16\n"


def test_the_python_of_the_page_on_the_hop(house: House) -> None:
    [code] = snippets("docs/hop.md")
    assert python(house, "-c", code) == "ok [(0.0, 0.0, 640.0, 480.0)] 0.2\n"


def test_the_python_of_the_page_on_the_log(house: House) -> None:
    [code] = snippets("docs/log.md")
    done = house.framehop("run", SHAPES, "--log", house.path / "framehop-data", "--rate", "max")
    assert done.returncode == 0, done.stderr
    lines = python(house, "-c", code).splitlines()
    assert len(lines) == 2 * COUNT + 1, lines
    assert lines[-1].startswith("[]"), "no gaps"
