"""The sign of life: at once, then once a second, however often it is asked for."""

from __future__ import annotations

import pytest

from framehop.budgets import BEAT_S
from framehop.pipeline.control import Beat, Channel
from framehop.pipeline.pulse import Pulse


def test_a_beat_is_sent_when_it_is_due_and_not_before() -> None:
    now = [100.0]
    ours, theirs = Channel.pair()
    with ours, Channel.from_fd(theirs.detach()) as peer:
        beating = Pulse(ours, clock=lambda: now[0])
        assert beating.beat() == BEAT_S
        now[0] += BEAT_S / 4
        assert beating.beat() == pytest.approx(BEAT_S * 3 / 4)
        assert peer.receive() == [Beat()]
        now[0] += BEAT_S
        assert beating.beat() == BEAT_S
        assert peer.receive() == [Beat()]
