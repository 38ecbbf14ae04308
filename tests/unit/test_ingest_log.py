"""Ingest into the embedded log: what a restart adds, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from framehop.log import open_log
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import Picture
from framehop.testing.synthetic import BrokenSource, ListSource, forged_jpeg, jpeg, truncated_jpeg
from framehop.types import FrameMeta


def _payloads(count: int) -> list[bytes]:
    return [f"picture {seq}".encode() for seq in range(count)]


def _frames(path: Path) -> list[FrameMeta]:
    with open_log(path) as log:
        return list(log.scan_frames())


def test_pictures_reach_the_log_byte_for_byte(tmp_path: Path) -> None:
    payloads = [jpeg(), truncated_jpeg(), forged_jpeg(), b""]
    with open_log(tmp_path / "log") as log:
        summary = ingest(log, [ListSource(payloads, stream="a")], rate="max")
        records = [log.read_frame(meta.pointer) for meta in log.scan_frames()]
        assert [bytes(record.payload or b"") for record in records if record] == payloads
    assert (summary.frames, summary.streams["a"].in_doubt) == (4, 0)


def test_an_interrupted_file_keeps_its_epoch_and_a_finished_one_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    whole = ListSource(_payloads(9), stream="a")
    for source in (BrokenSource(_payloads(9), fail_at=4, stream="a"), whole, whole):
        source.uri = "list:a"
        with open_log(path) as log:
            ingest(log, [source], rate="max")
    frames = _frames(path)
    epochs = sorted({frame.key.epoch for frame in frames})
    assert len(epochs) == 2
    for epoch in epochs:
        assert [frame.key.seq for frame in frames if frame.key.epoch == epoch] == list(range(9))


def test_a_loop_goes_on_in_the_pass_that_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "log"

    class BreaksInTheSecondPass(ListSource):
        passes = 0

        def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
            self.passes += 1
            limit = 4 if self.passes == 2 else 9
            yield from BrokenSource(self._payloads, fail_at=limit).pictures(start_seq)

    for source in (BreaksInTheSecondPass(_payloads(9), stream="a"), ListSource(_payloads(9), stream="a")):
        with open_log(path) as log:
            ingest(log, [source], rate="max", loop=3)
    frames = _frames(path)
    assert [frame.key.seq for frame in frames] == list(range(9)) * 3
    assert len({frame.key.epoch for frame in frames}) == 3
