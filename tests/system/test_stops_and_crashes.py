"""Processes that stand still, and a picture that ends whoever decodes it: others take over, and the ledger stays whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

import framehop
from framehop.budgets import HANG_S
from tests.system.harness import House, check_ledger, pictures_of
from tests.waiting import until

COUNT = 30
SOURCES = [f"cam-{i}=testsrc:?size=320x240&count={COUNT}" for i in range(2)]
DEADLY_SEQ = 7

# Found by every Python process that has its directory in PYTHONPATH: whoever gets a slot for this frame dies before it is decoded.
DEADLY = f"""
import os, signal, sys
if any("worker" in word for word in sys.orig_argv):
    from framehop import _core
    acquire = _core.Ring.wait_acquire
    def deadly(ring, tag, timeout_s):
        slot = acquire(ring, tag, timeout_s)
        if slot is not None and (tag.stream, tag.seq) == ("cam-0", {DEADLY_SEQ}):
            os.kill(os.getpid(), signal.SIGKILL)
        return slot
    _core.Ring.wait_acquire = deadly
"""


def expected() -> dict[str, list[int]]:
    crcs = pictures_of(SOURCES[0])
    return {f"cam-{i}": crcs for i in range(len(SOURCES))}


def test_a_pipeline_that_stood_still_goes_on_without_who_still_does(house: House) -> None:
    """This is what a laptop's sleep does: by each other's clocks all have been silent. The detector never wakes up."""
    supervisor = house.start("run", *SOURCES, "--log", house.log, "--rate", "5")  # six seconds, of which few are used
    detector = house.wait_for("detector-0")
    until(lambda: house.events() > 3, "first events", 60)
    processes = house.processes()
    for process in processes:
        process.suspend()
    assert house.events() < len(SOURCES) * COUNT, "the stop came after the work"
    time.sleep(HANG_S + 1)  # what is tested is that so long passes
    for process in processes:
        if process != detector:
            process.resume()
    _, stderr = supervisor.communicate(timeout=120)
    assert supervisor.returncode == 0, stderr.decode()
    assert b"detector-0 has not been heard of" in stderr
    assert stderr.count(b": killed") == 1, "the others were frozen as the supervisor was, and are well"
    assert b"Traceback" not in stderr
    check_ledger(house.log, expected())


def test_a_picture_that_ends_its_decoder_costs_no_other(house: House, tmp_path: Path) -> None:
    place = tmp_path / "deadly"
    place.mkdir()
    (place / "sitecustomize.py").write_text(DEADLY)
    house.env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place), house.env.get("PYTHONPATH"))))
    report = house.run(SOURCES)
    deaths = [incident for incident in report["incidents"] if incident["process"] == "worker-0"]
    assert [death["signal"] for death in deaths] == ["SIGKILL"] * framehop.DetectOptions().max_attempts
    check_ledger(house.log, expected())
    with framehop.open_log(house.log, create=False) as log, log.events() as events:
        failed = [record.event for record in events if record.event.outcome == "failed"]
        letters = list(log.dead_letters())
    assert [(event.stream, event.seq) for event in failed] == [("cam-0", DEADLY_SEQ)]
    assert len(letters) == 1
