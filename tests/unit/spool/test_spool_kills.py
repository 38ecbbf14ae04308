"""kill -9 of a process that spools: what it acknowledged comes into the log, once and in order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framehop.testing.memory_log import MemoryLog
from tests.logs import is_whole
from tests.spools import MemoryBehind
from tests.waiting import until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[3]
CAMERAS = 3
ROUNDS = 3

CAMERA_PROCESS = """
import os, sys
from pathlib import Path
from framehop.testing.memory_log import MemoryLog
from tests.logs import make_frame
from tests.spools import MemoryBehind

behind = MemoryBehind(MemoryLog())
behind.leave()
with behind.writer(Path(sys.argv[1])) as writer:
    states = [writer.open_stream(f"cam-{n}", source="test:", finite=False) for n in range(int(sys.argv[2]))]
    for seq in range(1 << 30):
        for state in states:
            frame = make_frame(state, seq, size=20_000)
            said = f"{frame.key}\\n".encode()
            writer.append(frame, lambda ack, said=said: os.write(1, said))
"""


def killed(root: Path, after: int) -> list[str]:
    """The keys that a process acknowledged before it was killed."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", CAMERA_PROCESS, str(root), str(CAMERAS)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout is not None
    said = [process.stdout.readline().decode() for _ in range(after)]
    process.kill()
    rest = process.communicate()[0].decode().splitlines(keepends=True)
    return [line.strip() for line in said + rest if line.endswith("\n")]


def test_what_was_acknowledged_survives(log: MemoryLog, tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for after in range(50, 50 + ROUNDS * 77, 77):
        acknowledged |= set(killed(tmp_path / "spool", after))
    with MemoryBehind(log).writer(tmp_path / "spool") as writer:
        until(lambda: writer.backlog.frames == 0, "an empty spool", 60)
    metas = list(log.scan_frames())
    assert acknowledged <= {str(meta.key) for meta in metas}
    assert len({meta.key for meta in metas}) == len(metas), "once"
    seqs: dict[tuple[str, int], list[int]] = {}
    for meta in metas:
        seqs.setdefault((meta.key.stream, meta.key.epoch), []).append(meta.key.seq)
    assert len(seqs) == CAMERAS * ROUNDS
    assert all(found == list(range(len(found))) for found in seqs.values()), "in order, from the first on"
    for meta in metas:
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert is_whole(record)
