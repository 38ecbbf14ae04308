"""The progress of one stream, and what a run of ingest has given it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from framehop.account import LeftOut


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """The progress of one source. `total`: frames of one pass, None if unknown or endless. `fps`: acknowledged frames per second
    since the last report. `before`: frames that the pass had when this ingest began it; `appended` and `acked` come on top.
    `failed`: frames without pixels. `left_out`: items seen that became no frame."""

    stream: str
    appended: int
    acked: int
    total: int | None
    fps: float
    error: str
    before: int = 0
    failed: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSummary:
    """The frames that one source gave in this run.

    `frames` are acknowledged, `in_doubt` are appended but not acknowledged; `bytes` counts both. `failed`: those of both that have
    no pixels and become `failed` events. `left_out`: what the source showed that became no frame. `seen` is the sum of all.
    `before`: frames that the last pass had when this run began it; not 0 if the run went on with an interrupted pass. `epoch` is
    the last one; `first_seq` and `last_seq` are the first and last that this run appended in it, None if it appended nothing.
    `passes`: begun in this run. `finished`: the source came to its end; else the next ingest goes on after the last acknowledged
    frame.
    """

    source: str
    seen: int
    frames: int
    in_doubt: int
    failed: int
    left_out: tuple[LeftOut, ...]
    before: int
    bytes: int
    epoch: int
    first_seq: int | None
    last_seq: int | None
    passes: int
    finished: bool
    error: str


def merged(first: StreamSummary, then: StreamSummary) -> StreamSummary:
    """Return what a stream gave in this run, when it was paused or removed and read again."""
    same_pass = then.epoch == first.epoch
    left_out = then.left_out if same_pass else first.left_out + then.left_out
    frames, in_doubt = first.frames + then.frames, first.in_doubt + then.in_doubt
    return replace(
        then,
        seen=frames + in_doubt + sum(left.count for left in left_out),
        frames=frames,
        in_doubt=in_doubt,
        failed=first.failed + then.failed,
        left_out=left_out,
        before=first.before if same_pass else then.before,
        bytes=first.bytes + then.bytes,
        first_seq=first.first_seq if same_pass and first.first_seq is not None else then.first_seq,
        last_seq=first.last_seq if same_pass and then.last_seq is None else then.last_seq,
        passes=first.passes + then.passes - same_pass,
    )
