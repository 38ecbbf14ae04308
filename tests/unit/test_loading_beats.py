"""A detector gives signs of life while it loads its model, and none from there once that is over."""

from __future__ import annotations

import select

import pytest

from framehop.pipeline.detector import loading_beats
from framehop.pipeline.detector.loading_beats import LoadingBeats
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Beat, Ready


def test_a_load_is_accompanied_by_beats_and_what_follows_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading_beats, "BEAT_S", 0.01)
    ours, sock = Channel.pair()
    with ours, Channel.from_fd(sock.detach()) as theirs:
        with LoadingBeats(theirs):
            assert select.select([ours], [], [], 60.0)[0], "no sign of life came"
        theirs.send(Ready(1))
        heard = ours.receive()
        assert heard is not None
        assert heard[0] == Beat()
        assert heard[-1] == Ready(1), "the thread has ended"
        assert ours.receive() == []
