"""Decides where a stream's next writer continues: in the last pass, nowhere because that is done, or in a new epoch."""

from __future__ import annotations

from dataclasses import dataclass

from framehop.account import is_replaced, is_same
from framehop.timing import now_us


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPass:
    """The last pass of a stream, as its log remembers it. `finished_us`: when its source came to its end, 0 while it has not."""

    source: str
    epoch: int
    finished_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPass:
    """The decision for a stream's next writer. `resumes`: it continues the last epoch, after its last frame. `done`: it does, and
    nothing is left to append. `replaced`: the last pass was interrupted, and something else lies in its source's place now."""

    resumes: bool
    done: bool
    replaced: bool


def next_pass(last: LastPass | None, *, source: str, finite: bool, run_since_us: int | None) -> NextPass:
    """Decide for a writer that opens the stream with `source`. `run_since_us`: when the run began, if the writer's process is a
    restart within one; a pass finished since then is not repeated."""
    if last is None:
        return NextPass(resumes=False, done=False, replaced=False)
    same = finite and is_same(last.source, source)
    done = same and run_since_us is not None and last.finished_us >= run_since_us
    return NextPass(
        resumes=done or (same and not last.finished_us),
        done=done,
        replaced=finite and not last.finished_us and is_replaced(last.source, source),
    )


def next_epoch(last: int) -> int:
    """Return an epoch later than `last`, even if the clock was set back."""
    return max(now_us(), last + 1)
