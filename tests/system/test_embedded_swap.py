"""Another model in a pipeline inside a program of one's own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import framehop
from tests.system.harness import House
from tests.system.swapped_models import models_of
from tests.tiny_model import field
from tests.waiting import until

PROGRAM = """
import asyncio, json, os, sys
from itertools import groupby
import framehop
from framehop.errors import ClosedError, ModelError
from framehop.policies import Policy

LOG, RED, ROUGE = sys.argv[1:4]
os.chdir(os.path.dirname(RED))
said = {}

def names(models):
    return {process: model.name for process, model in models.items()}

async def work(pipeline):
    said["async"] = names(await pipeline.swap_async(RED))

every = {"*": Policy.parse("all")}  # of a skipped frame no model is known
options = framehop.DetectOptions(model=RED, conf=0.0, lanes=1, policies=every)
with framehop.Pipeline(LOG, options=options) as pipeline:
    pipeline.add("testsrc:?size=96x64&rate=40", stream="cam")
    events = pipeline.events()
    next(events)
    said["swapped"] = names(pipeline.swap(os.path.relpath(ROUGE)))
    for event in events:
        if event.model.name == "rouge":
            break
    for model, key in (("nowhere.onnx", "absent"), (os.path.join(os.path.dirname(RED), "broken"), "broken")):
        try:
            pipeline.swap(model)
        except ModelError as error:
            said[key] = str(error)
    asyncio.run(work(pipeline))
    for event in events:
        if event.model.name == "red":
            break
try:
    pipeline.swap(ROUGE)
except ClosedError as error:
    said["closed"] = str(error)
with framehop.open_log(LOG, create=False) as log, log.events() as reader:
    found = [record.event for record in reader]
said["turns"] = [name for name, _ in groupby(event.model.name for event in found)]
said["gapless"] = [event.seq for event in found] == list(range(len(found)))
print(json.dumps(said))
"""


def test_a_program_swaps_the_model_of_its_pipeline(house: House) -> None:
    models = models_of(house)
    broken = house.path / "broken"
    broken.mkdir()
    (broken / "best.onnx").write_bytes((models["red"] / "model.onnx").read_bytes().replace(b"MatMul", b"MatMuk"))
    arguments = [sys.executable, "-c", textwrap.dedent(PROGRAM), house.log, models["red"], models["rouge"]]
    done = subprocess.run(
        [str(each) for each in arguments], env=house.env, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["swapped"] == {"detector-0": "rouge"}
    assert said["async"] == {"detector-0": "red"}
    assert "nowhere.onnx does not exist" in said["absent"]
    assert "detector-0: " in said["broken"]
    assert "every detector keeps the model it had" in said["broken"]
    assert "ended" in said["closed"]
    assert said["turns"] == ["red", "rouge", "red"]
    assert said["gapless"]
    house.assert_nothing_left()


def test_a_file_that_was_replaced_is_named_when_a_detector_starts_again(house: House) -> None:
    """The successor of a killed detector runs the new file, says so, and every event names the file that found its boxes."""
    model = models_of(house)["red"]
    sidecar = model / "model.yaml"
    sidecar.write_text("\n".join(line for line in sidecar.read_text().splitlines() if not line.startswith("sha256")))
    network = model / "model.onnx"
    stderr = house.path / "stderr"
    with stderr.open("wb") as file:
        source = "cam=testsrc:?size=96x64&rate=40"
        words: list[str | Path] = ["run", source, "--log", house.log, "--model", model, "--conf", "0", "--lanes", "1"]
        run = house.start(*words, stderr=file.fileno())
        until(lambda: house.events() > 5, "events", 60)
        replace_with_another(network)
        seen = house.events()
        until(lambda: house.events() > seen + 5, "events of the old file, which is loaded", 60)
        assert len(hashes(house)) == 1
        house.wait_for("detector-0").kill()
        until(lambda: len(hashes(house)) == 2, "events of the new file", 60)
        run.terminate()
        assert run.wait(60) == 0
    old, new = hashes(house)
    [said] = [line for line in stderr.read_text().splitlines() if "was replaced meanwhile" in line]
    assert f"its SHA-256 was {old[:16]}… and now is {new[:16]}…" in said
    assert house.framehop("detect", "--log", house.log, "--model", model, "--until-idle", "1").returncode == 0
    audit = house.framehop("audit", "--log", house.log, "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def replace_with_another(network: Path) -> None:
    """Put another file in its place, as copying a new release over it does. A note in it makes it another network."""
    other = network.with_suffix(".new")
    other.write_bytes(network.read_bytes() + field(2, "another"))
    other.replace(network)


def hashes(house: House) -> list[str]:
    """The SHA-256 of the models that events name, in their order."""
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        return list(dict.fromkeys(record.event.model.sha256 for record in reader if record.event.model))
