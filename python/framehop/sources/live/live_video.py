"""A camera as a source: connected to when it is followed, and told apart from other sources by its address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from framehop.account import LeftOut
from framehop.errors import SourceAwayError
from framehop.protocols import Picture, SourceFacts
from framehop.sources.address import Address
from framehop.sources.film import Codec
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.flaws import Flaws
from framehop.sources.live.losses import Losses
from framehop.sources.live.makers import AS_JPEG
from framehop.sources.live.reader import AT_STOP, Reader

logger = logging.getLogger(__name__)

TICK_S = 0.2  # how often `stopped` is asked while nothing comes
SLACK_S = 5.0  # what a reader gets beyond the deadlines inside FFmpeg, which a look-up of a name may not keep
MOST_HUNG = 2  # connections that hang, beside the present one
_RATE = 25.0


class LiveVideo:
    """A LiveSource over FFmpeg. Use from one thread; `facts` may be read from any.

    H.264, H.265 and Motion JPEG pass through unless `codec` is `jpeg`; other codecs are encoded to JPEG. `open_s`: a camera that
    does not let itself be connected to within so long is away. `stall_s`: one that sends no picture for so long has broken off."""

    finite = False
    count = None

    def __init__(
        self,
        address: Address,
        *,
        stream: str,
        codec: Codec = "auto",
        quality: int = 85,
        open_s: float = 10.0,
        stall_s: float = 10.0,
    ) -> None:
        self.stream = stream
        self.uri = address.shown
        self.rate = _RATE
        self._losses = Losses()
        self._how = Connecting(
            address=address,
            codec=codec,
            quality=quality,
            open_s=open_s,
            stall_s=stall_s,
            name=address.shown,
            losses=self._losses,
        )
        self._reader: Reader | None = None
        self._flaws = Flaws()
        self._given = 0  # pictures, by the present connection
        self._left_behind: list[Reader] = []

    @property
    def facts(self) -> SourceFacts:
        return self._reader.facts if self._reader is not None else SourceFacts()

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Everything left out since the source was made."""
        return self._losses.so_far

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield what one connection gives. A camera has no pictures of the past, so `start_seq` tells nothing."""
        return self.follow(lambda: False)

    def follow(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        """Follow the camera, as LiveSource says."""
        self._check_last()
        reader = self._reader = Reader(self._how)
        self._given = 0
        try:
            yield from self._taken(reader, stopped)
        except SourceAwayError as error:
            raise self._flaws.judged(error, self._given) from None
        finally:
            reader.close()

    def _check_last(self) -> None:
        """Raise SourceAwayError while the last connection has not ended, as there is one at a time. A few that hang beyond all
        deadlines of FFmpeg are left behind: they may never end."""
        self._left_behind = [reader for reader in self._left_behind if reader.alive]
        last = self._reader
        if last is None or not last.alive or (last in self._left_behind and len(self._left_behind) <= MOST_HUNG):
            return
        raise SourceAwayError(f"the last connection to {self.uri} still hangs")

    def _taken(self, reader: Reader, stopped: Callable[[], bool]) -> Iterator[Picture]:
        patience_s = 3 * self._how.open_s + self._how.stall_s + SLACK_S
        while not stopped():
            picture = reader.take(TICK_S)
            if picture is not None:
                self._say(reader)
                try:
                    yield picture
                except GeneratorExit:  # whoever has it could not put it down before the stop
                    self._losses.add(AT_STOP)
                    raise
                self._given += 1
            elif reader.over:
                return
            elif reader.silent_s > patience_s:
                self._left_behind.append(reader)
                raise SourceAwayError(f"{self.uri} hangs")

    def _say(self, reader: Reader) -> None:
        """Say what is worth knowing of the connection, and has not been said of an earlier one."""
        if reader.facts.doubt:
            self._once("clock", f"the camera's clock {reader.facts.doubt}; capture times are those of this host")
        if reader.facts.codec.endswith(AS_JPEG) and self._how.codec != "jpeg":
            codec = reader.facts.codec.removesuffix(AS_JPEG)
            self._once(
                "codec",
                f"it sends {codec}, which is decoded and encoded to JPEG here; H.264 would cost next to nothing",
            )

    def _once(self, what: str, text: str) -> None:
        if what not in self._how.said:
            self._how.said.add(what)
            logger.warning("stream %s: %s", self.stream, text)
