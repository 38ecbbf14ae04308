"""Films in a log in memory."""

from __future__ import annotations

from pathlib import Path

from framehop.sources.passthrough import PassedVideo
from framehop.testing.memory_log import MemoryLog
from framehop.types import Frame, FrameKey, FrameMeta
from tests.logs import TIMEOUT_S


def ingest(log: MemoryLog, path: Path, stream: str = "cam") -> None:
    """Put a film into the log as it is."""
    with log.writer() as writer:
        state = writer.open_stream(stream, source=f"test:{path}", finite=False)
        for seq, unit in enumerate(PassedVideo(path, stream=stream).pictures()):
            frame = Frame(
                key=FrameKey(stream, state.epoch, seq),
                payload=unit.payload,
                captured_us=state.epoch + unit.media_us,
                received_us=state.epoch + unit.media_us,
                content_type=unit.content_type,
                keyframe=unit.keyframe,
                width=unit.width,
                height=unit.height,
            )
            assert writer.append(frame)
        assert writer.flush(TIMEOUT_S)


def numbers_of(metas: list[FrameMeta]) -> dict[FrameKey, int]:
    return {meta.key: number for number, meta in enumerate(sorted(metas, key=lambda meta: meta.captured_us))}
