"""The audit of a test's log."""

from __future__ import annotations

import json

from tests.system.harness import House


def audit(house: House) -> dict[str, object]:
    done = house.framehop("audit", "--log", house.log, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report
