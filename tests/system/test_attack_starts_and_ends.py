"""Starting and ending at awkward moments, and with awkward sizes."""

from __future__ import annotations

import signal

from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_model

SHAPES = "testsrc:?size=320x240&count=30"
ENDLESS = "testsrc:?size=320x240&rate=20"


def test_a_signal_while_the_processes_start_is_a_drain(house: House) -> None:
    supervisor = house.start("run", ENDLESS, "--log", house.log)
    house.wait_for("ingest-0")
    supervisor.send_signal(signal.SIGINT)
    _, stderr = supervisor.communicate(timeout=100)
    assert supervisor.returncode == 130, stderr.decode()
    assert b"status" not in stderr, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()


def test_settings_may_be_larger_than_a_packet(house: House) -> None:
    model = house.path / "model"
    model.mkdir()
    write_model(model, None, labels={number: f"a label of some length, {number}" for number in range(20_000)})
    house.run([f"cam={SHAPES}"], "--model", str(model))
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})
