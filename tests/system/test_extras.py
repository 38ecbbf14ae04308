"""An extra that is not installed is missed by the commands that need it, and by no other."""

from __future__ import annotations

import os

import pytest

from tests.system.harness import House, check_ledger, pictures_of

SHAPES = "testsrc:?size=320x240&count=30"


@pytest.fixture
def house(house: House) -> House:
    """A house as `pip install framehop[cpu]` leaves it: with neither PyAV nor Pillow."""
    hidden = house.path / "hidden"
    for name in ("av", "PIL"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text(f"raise ModuleNotFoundError({name!r})\n")
    house.env["PYTHONPATH"] = os.pathsep.join([str(hidden), *filter(None, [os.environ.get("PYTHONPATH")])])
    return house


def test_a_run_needs_no_video_extra(house: House) -> None:
    assert house.framehop("--version").returncode == 0
    house.run([f"cam={SHAPES}"])
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})


def test_the_extra_is_named_by_what_needs_it(house: House) -> None:
    house.run([SHAPES])
    (house.path / "clip.mp4").write_bytes(b"anything")
    for args in (["annotate", "out.mp4", "--log", house.log], ["run", "clip.mp4"]):
        done = house.framehop(*args)
        assert done.returncode == 1
        assert "[video]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
