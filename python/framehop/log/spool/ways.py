"""The two ways of a frame: straight into the log, or through the store on disk."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from framehop.account import IngestAccount
from framehop.errors import FramehopError, LogBusyError, LogFullError, is_out_of_memory
from framehop.log.spool.behind import Link
from framehop.log.spool.lane import PATIENCE_S, Lane, Waiting
from framehop.log.spool.rows import WaitingRun
from framehop.log.spool.store import SpoolStore
from framehop.protocols import Ack
from framehop.types import Frame

logger = logging.getLogger(__name__)

BATCH = 32
WINDOW_BYTES = 8 << 20  # of one epoch on its way from the store; what a crash may send again, if nobody looks

Allow = Callable[[int], bool]
Lost = tuple[WaitingRun, Mapping[str, str]]  # with the labels of its stream


class Ways:
    """Moves the frames of all lanes. Thread-safe. It owns the lock of the lanes, `changed`, which is notified whenever a frame is
    acknowledged by anyone. `link` is None until the log has answered."""

    def __init__(self, keep_account: Callable[[IngestAccount], None]) -> None:
        self.changed = threading.Condition()
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.stores: list[SpoolStore] = []  # those whose disks are there
        self.link: Link | None = None
        self.lost: list[Lost] = []  # what was on a disk that is gone, and nowhere else
        self._refusing: list[SpoolStore] = []  # those that can be read at most
        self._keep_account = keep_account

    @property
    def writable(self) -> list[SpoolStore]:
        """The stores that take frames, unless they are full."""
        with self.changed:
            return [store for store in self.stores if store not in self._refusing]

    def add(self, lane: Lane) -> None:
        """Take a lane. It goes through the store while an earlier epoch of its stream does."""
        with self.changed:
            earlier = [
                other for other in self.lanes.values() if other.stream == lane.stream and other.epoch < lane.epoch
            ]
            lane.before = max(earlier, key=lambda other: other.epoch, default=None)
            lane.spooling = lane.spooling or not lane.is_next
            self.lanes[lane.key] = lane

    # ---- from the source

    def append(self, lane: Lane, frame: Frame, on_ack: Callable[[Ack], None] | None, timeout_s: float) -> bool:
        """Take a frame; False if there was no room. It waits for the log for at most `timeout_s`, and never for the disk. Raises
        LogError when the link has failed for good."""
        with lane.sending:
            if lane.spooling and self._may_go_straight(lane):
                lane.spooling = False
            if not lane.spooling and self._straight(lane, frame, on_ack, timeout_s):
                return True
            return lane.spooling and self._through_store(lane, frame, on_ack)

    def _may_go_straight(self, lane: Lane) -> bool:
        with self.changed:
            return (
                self.link is not None
                and lane.place is not None
                and lane.is_next
                and lane.caught_up
                and not lane.is_slow
            )

    def _straight(self, lane: Lane, frame: Frame, on_ack: Callable[[Ack], None] | None, timeout_s: float) -> bool:
        """Send a frame; a stream that has to wait for too long goes through the store from here on."""
        with self.changed:
            if self.link is None or lane.place is None or (lane.is_slow and lane.store is not None):
                lane.spooling = True
                return False
            before = lane.sent
            lane.take(frame, on_ack)
        taken = False
        try:
            taken = self._send(lane, frame, before, timeout_s)
        finally:
            if not taken:
                with self.changed:
                    lane.take_back(frame)
        if taken:
            lane.refused_s = None
            return True
        now_s = time.monotonic()
        lane.refused_s = now_s - timeout_s if lane.refused_s is None else lane.refused_s
        lane.spooling = lane.store is not None and now_s - lane.refused_s >= PATIENCE_S
        return False

    def _send(self, lane: Lane, frame: Frame, before: int, timeout_s: float) -> bool:
        assert self.link is not None
        assert lane.place is not None
        with self.changed:
            lane.fly(frame.key.seq, len(frame.payload))
        taken = False
        try:
            taken = self.link.send(frame, lane.place.partition, partial(self._told, lane, frame.key.seq), timeout_s)
        finally:
            if not taken:
                with self.changed:
                    lane.turn_back(before)
        return taken

    def _through_store(self, lane: Lane, frame: Frame, on_ack: Callable[[Ack], None] | None) -> bool:
        if not self.hand_over(lane):
            return False
        with self.changed:
            lane.take(frame, on_ack)
        if self._give(lane, frame):
            return True
        with self.changed:
            lane.take_back(frame)
        return False

    # ---- into the store

    def hand_over(self, lane: Lane) -> bool:
        """Give the store what only memory holds; False while it has no room. Call it with `sending` held."""
        with self.changed:
            found = sorted((seq, waiting.frame) for seq, waiting in lane.waiting.items() if seq > lane.given)
        return all(self._give(lane, frame) for seq, frame in found if seq in lane.waiting) and lane.store is not None

    def _give(self, lane: Lane, frame: Frame) -> bool:
        store = lane.store
        if store is None or store in self._refusing:
            return False
        try:
            if not lane.stored and lane.place is not None:
                store.keep_place(lane.key, lane.place)
            elif not lane.stored and lane.labels:
                store.keep_labels(lane.key, lane.labels)
            lane.stored = True
            given = store.append(frame, partial(self._is_stored, lane, frame.key.seq))
        except (LogFullError, LogBusyError):
            return False
        except FramehopError as error:
            self._refusing.append(store)
            logger.error(
                "the spool takes no more frames: %s. Live streams wait for the log in memory from here on; what is on disk still "
                "goes into the log",
                error,
            )
            return False
        if given:
            lane.given = frame.key.seq
        return given

    def _is_stored(self, lane: Lane, seq: int, ack: Ack) -> None:
        """Hear from the store's thread that a frame survives this process."""
        with self.changed:
            waiting = lane.waiting.pop(seq, None)
            lane.kept, lane.removed, lane.stored = seq, min(lane.removed, seq - 1), True
        self._acknowledge(lane, waiting, replace(ack, spooled=True))

    def lose(self, store: SpoolStore, error: FramehopError) -> None:
        """Go on without a store that cannot be read. What was there and nowhere else is a gap. One that is sound, while this
        process lacks memory or descriptors, is kept."""
        if _lacks_means(error):
            logger.info("the spool is read later: %s", error)
            return
        lost = 0
        with self.changed:
            if store not in self.stores:
                return
            self.stores.remove(store)
            for lane in [lane for lane in self.lanes.values() if lane.store is store]:
                lane.store = None
                last = min((seq for seq in lane.waiting if seq > lane.sent), default=lane.accepted + 1) - 1
                if last > lane.sent:
                    self.lost.append((WaitingRun(epoch=lane.key, first=lane.sent + 1, last=last), lane.labels))
                    lost += last - lane.sent
                    lane.sent = last
            self.changed.notify_all()
        store.set_aside()
        logger.error(
            "the spool cannot be read, and %d frames that were only there are lost: %s. Live streams wait for the log in memory "
            "from here on",
            lost,
            error,
        )

    # ---- out of the store

    def feed(self, lane: Lane, allow: Allow) -> int:
        """Send the next frames of a lane that goes through the store, and return how many. `allow`: whether so many bytes may leave
        the store now. Raises LogError."""
        if not lane.sending.acquire(blocking=False):
            return 0
        sent = 0
        try:
            for frame, stored in self._next_frames(lane):
                if lane.flying_bytes >= WINDOW_BYTES or (stored and not allow(len(frame.payload))):
                    break
                if not self._send(lane, frame, lane.sent, 0.0):
                    break
                sent += 1
        finally:
            lane.sending.release()
        return sent

    def _next_frames(self, lane: Lane) -> Iterator[tuple[Frame, bool]]:
        """Yield what follows the frame that was sent last, and whether the store has it. Memory is looked at first: what is not
        there any more is in the store by then, or was dropped."""
        with self.changed:
            after = lane.sent
            memory = sorted((seq, waiting.frame) for seq, waiting in lane.waiting.items() if seq > after)[:BATCH]
        found = False
        for frame in self._stored_frames(lane, after):
            if memory and frame.key.seq >= memory[0][0]:
                break
            found = True
            yield frame, True
        else:
            if found:
                return  # the store may hold more
        for _, frame in memory:
            yield frame, False
        if not found and not memory:
            with self.changed:
                lane.sent = lane.accepted  # the rest was dropped

    def _stored_frames(self, lane: Lane, after: int) -> Iterator[Frame]:
        store = lane.store
        if store is None:
            return
        try:
            yield from store.read(lane.key, after, BATCH)
        except LogBusyError:
            raise
        except FramehopError as error:
            self.lose(store, error)
            if store in self.stores:  # it is read later
                raise

    # ---- acknowledgements

    def _told(self, lane: Lane, seq: int, outcome: Ack | FramehopError) -> None:
        """Hear from the link's thread what became of a frame."""
        if isinstance(outcome, FramehopError):
            with self.changed:
                lane.failure = lane.failure or outcome
                self.changed.notify_all()
            return
        with self.changed:
            waiting = lane.waiting.pop(seq, None)
        self._acknowledge(lane, waiting, outcome)
        with self.changed:
            lane.land(seq)
            if lane.place is not None:
                lane.place = lane.place._replace(offset=outcome.pointer.offset + 1)
            self.changed.notify_all()

    def _acknowledge(self, lane: Lane, waiting: Waiting | None, ack: Ack) -> None:
        """Tell the source, unless it was told before."""
        if waiting is None:
            return
        with lane.telling:
            _call_back(waiting, ack)
        with self.changed:
            lane.acked += 1
            self.changed.notify_all()
        self.settle_account(lane)

    def settle_account(self, lane: Lane) -> None:
        """Keep the lane's account once the frames before it are acknowledged."""
        with self.changed:
            if lane.account is None or lane.acked < lane.account_at:
                return
            account, lane.account = lane.account, None
        self._keep_account(account)


def _lacks_means(error: FramehopError) -> bool:
    """Return whether this process lacks descriptors or memory to read the disk, while the disk itself may be well."""
    cause = error.__cause__
    no_descriptor = isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE}
    return no_descriptor or is_out_of_memory(error)


def _call_back(waiting: Waiting, ack: Ack) -> None:
    if waiting.on_ack is None:
        return
    try:
        waiting.on_ack(ack)
    except Exception:
        logger.exception("the acknowledgement callback of %s failed", waiting.frame.key)
