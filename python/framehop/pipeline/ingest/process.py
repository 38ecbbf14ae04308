"""The ingest process of a pipeline: its sources in threads, the supervisor's channel in the main thread."""

from __future__ import annotations

import sys

from framehop.budgets import BEAT_S, STOP_FLUSH_S
from framehop.pipeline.ingest.source_desk import SourceDesk
from framehop.pipeline.ingest.writer_thread import WriterThread
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Drain, Finished, Ready
from framehop.pipeline.processes.settings import IngestSettings, Settings
from framehop.pipeline.processes.source_messages import AddSource, News, RemoveSource
from framehop.pipeline.processes.supervisor_link import SupervisorLink
from framehop.pipeline.wake import readable, wait_writable
from framehop.sources.pillow_picture import hush_pictures
from framehop.timing import Deadline

NEWS_IN_A_PACKET = 40  # so many fit even with the longest error and stream id each
LAST_WORDS_S = 5.0


def body(channel: Channel, settings: Settings) -> None:
    assert isinstance(settings, IngestSettings)
    hush_pictures()
    with WriterThread(settings.log) as log, SourceDesk(log.writer) as desk:
        link = SupervisorLink(channel, desk.beat)
        channel.send(Ready())
        for order in settings.sources:
            desk.add(order)
        stopped = _serve(link, desk, stays=settings.stays)
        desk.care()
        desk.stop(Deadline.after(STOP_FLUSH_S))
        _say_all(link, desk)
    if not stopped:
        channel.send(Finished())


def _serve(link: SupervisorLink, desk: SourceDesk, *, stays: bool) -> bool:
    """Serve until told to stop, and return True; or until there is nothing to do any more."""
    while stays or desk.at_work:
        _say(link, desk)
        ready = readable([link.fileno(), desk.fileno()], BEAT_S)
        desk.clear_wake()
        if link.fileno() in ready and _obey(link, desk):
            return True
        desk.care()
    return False


def _obey(link: SupervisorLink, desk: SourceDesk) -> bool:
    """Do what the supervisor says; return whether the process is to end."""
    for message in link.heard():
        match message:
            case AddSource() | RemoveSource():
                desk.apply(message)
            case Drain():
                return True
            case _:
                pass
    return False


def _say(link: SupervisorLink, desk: SourceDesk) -> bool:
    """Send a beat and the news. Return False when some are left because the supervisor does not read at the moment."""
    said = link.beat()
    news = list(desk.news())
    for first in range(0, len(news), NEWS_IN_A_PACKET):
        some = news[first : first + NEWS_IN_A_PACKET]
        if not (said and link.send(News(some))):
            return False
        desk.told(some)
    return said


def _say_all(link: SupervisorLink, desk: SourceDesk) -> None:
    """Send what is left to say, but give up after LAST_WORDS_S: the supervisor then learns only that we have ended."""
    deadline = Deadline.after(LAST_WORDS_S)
    while not _say(link, desk) and not deadline.expired:
        wait_writable(link.fileno(), deadline.remaining_s)


if __name__ == "__main__":
    sys.exit(child.main(body))
