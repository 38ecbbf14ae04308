from __future__ import annotations

import pytest

from framehop.errors import ProcessError
from framehop.pipeline.ingest.process import NEWS_IN_A_PACKET
from framehop.pipeline.ingest.source_work import _short
from framehop.pipeline.processes.channel import MAX_PACKET, Channel
from framehop.pipeline.processes.messages import Beat, Drain, Ready
from framehop.pipeline.processes.source_messages import MAX_LAST_ERROR, News, SourceHealth, SourceNews


@pytest.fixture
def pair() -> tuple[Channel, Channel]:
    ours, theirs = Channel.pair()
    return ours, Channel.from_fd(theirs.detach())


def test_messages_arrive_whole_and_in_order(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    with ours, theirs:
        theirs.send(Ready())
        theirs.send(Beat(events=3, stalled="disk full"))
        assert ours.receive() == [Ready(), Beat(events=3, stalled="disk full")]
        assert ours.receive() == []


def test_a_dead_peer_is_known_after_its_last_words(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    with ours:
        theirs.send(Beat())
        theirs.close()
        assert ours.receive() == [Beat()]
        assert ours.receive() is None
        assert not ours.send(Drain())


def test_a_peer_that_does_not_read_does_not_block(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    with ours, theirs:
        sent = 0
        while ours.send(Beat(stalled="x" * 1000)):
            sent += 1
        assert sent > 0
        assert len(theirs.receive() or []) == sent


def test_the_news_of_many_sources_fit_into_a_packet_whatever_their_errors_are(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    with ours, theirs:
        for letter in ("\N{CJK UNIFIED IDEOGRAPH-9580}", "\udce9", "\x01", '"', "\n"):
            health = SourceHealth(
                phase_since_us=1 << 60,
                bytes=1 << 60,
                last_error=_short(letter * 2000).encode()[:MAX_LAST_ERROR].decode(errors="ignore"),
            )
            error = _short(letter * 2000)
            news = SourceNews(stream="s" * 128, since_us=1 << 60, phase="failed", error=error, health=health)
            assert ours.send(News([news] * NEWS_IN_A_PACKET))
            assert theirs.receive() == [News([news] * NEWS_IN_A_PACKET)]


def test_garbage_is_refused() -> None:
    ours, theirs = Channel.pair()
    with ours, theirs:
        theirs.send(b"\x80\x04garbage")
        with pytest.raises(ProcessError, match="does not parse"):
            ours.receive()


def test_a_message_too_long_to_be_received_is_not_sent(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    with ours, theirs:
        with pytest.raises(ProcessError, match="over the limit"):
            ours.send(Beat(stalled="x" * MAX_PACKET))
        assert ours.send(Beat(stalled="x" * (MAX_PACKET - 1000)))
        [message] = theirs.receive() or []
        assert message == Beat(stalled="x" * (MAX_PACKET - 1000))
