"""The file of a film: what its sources have in common, and what of it they have to leave out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from framehop.account import LeftOut
from framehop.sources.announced import AnnouncedLength
from framehop.sources.container import InputContainer, Packet, VideoStream, open_video, trimmed_of
from framehop.sources.cut_off import CUT_OFF, is_cut_off
from framehop.sources.film_packets import packets_of
from framehop.sources.identity import shown, version_of
from framehop.sources.left_out import ABSENT, TRIMMED, Tally

logger = logging.getLogger(__name__)


class FilmFile:
    """A film that is read from its file's start in every pass, so that a seq is the same picture every time.

    What a pass leaves out is counted: pictures that the file announces and lacks, as after a download that broke off. A file that
    is written to while it is read gives what it has by the time reading comes to its end, and that is said. Use from one thread.
    """

    finite = True
    rate: float

    def __init__(self, path: Path, *, stream: str, query: str, max_pixels: int) -> None:
        """`query`: how the pictures are read, which is a part of the source's name. Opens nothing yet."""
        self._path = path
        self._max_pixels = max_pixels
        self._tally = Tally()
        self._trimmed = 0  # pictures that this pass does not give, as the film's edit list cuts them away
        self.stream = stream
        self.uri = f"{path.absolute().as_uri()}?{query}"
        self.version = version_of(path)

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    @property
    def _name(self) -> str:
        return shown(self._path.name)

    def _opened(self, threads: int = 1, *, only_packets: bool = False) -> InputContainer:
        return open_video(self._path, threads=threads, max_pixels=self._max_pixels, only_packets=only_packets)

    def _packets(self, container: InputContainer, video: VideoStream) -> Iterator[Packet[VideoStream]]:
        """Iterate over the packets, with an empty one behind them. At the film's end, count an end that it lacks."""
        length = AnnouncedLength(container, video)
        self._trimmed = trimmed_of(container, video)
        for packet in packets_of(container, video, self._path):
            length.saw(packet)
            yield packet
        if (absent := length.absent()) is not None:
            self._tally.add(absent.reason, f"{self._name}, {absent.seconds:.1f} s")
        elif is_cut_off(self._path, only_fragments=video.frames > 0):  # the pictures of an index are counted one by one
            self._tally.add(CUT_OFF, self._name)

    def _over(self, announced: int, seen: int) -> None:
        """Note the end of a pass: how many pictures the file's index announces, and how many came or were counted already."""
        if self._trimmed:
            self._tally.add(TRIMMED, self._name, self._trimmed)
        if (absent := announced - self._trimmed - seen) > 0:
            self._tally.add(ABSENT, self._name, absent)
        if self.version != version_of(self._path):
            logger.warning(
                "stream %s: %s was written to while it was read, and what it has got since is not in the log; ingest it again once "
                "it is complete",
                self.stream,
                self._name,
            )
