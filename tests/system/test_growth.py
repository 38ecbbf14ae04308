"""Tests of the lines by which a command tells how its log grows."""

from __future__ import annotations

import re

from tests.system.harness import House
from tests.tiny_model import write_model


def test_run_says_where_it_writes_and_how_much_that_took(house: House) -> None:
    model = write_model(house.path)
    source = "testsrc:?size=320x240&rate=20&count=40"
    done = house.framehop("run", source, "--log", house.log, "--model", model)
    assert done.returncode == 0, done.stderr
    assert f"writing to {house.log}: pictures are kept until they take " in done.stderr
    took = re.search(r"took ([0-9.]+) kB of pictures", done.stderr)
    assert took, done.stderr
    assert 50 < float(took[1]) < 2000


def test_ingest_says_so_too_and_json_stays_json(house: House) -> None:
    done = house.framehop("ingest", "testsrc:?size=96x64&count=3", "--log", house.log, "--rate", "max", "--json")
    assert done.stdout.startswith("{")
    assert f"writing to {house.log}" in done.stderr
