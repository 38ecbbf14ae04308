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
from framehop.log.spool.passage import PATIENCE_S, Passage, Waiting
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
    """Moves the frames of all passages. Thread-safe. It owns the lock of the passages, `changed`, which is notified whenever a
    frame is acknowledged by anyone. `link` is None until the log has answered."""

    def __init__(self, keep_account: Callable[[IngestAccount], None]) -> None:
        self.changed = threading.Condition()
        self.passages: dict[tuple[str, int], Passage] = {}
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

    def add(self, passage: Passage) -> None:
        """Take a passage. It goes through the store while an earlier epoch of its stream does."""
        with self.changed:
            earlier = [
                other
                for other in self.passages.values()
                if other.stream == passage.stream and other.epoch < passage.epoch
            ]
            passage.before = max(earlier, key=lambda other: other.epoch, default=None)
            passage.spooling = passage.spooling or not passage.is_next
            self.passages[passage.key] = passage

    # ---- from the source

    def append(self, passage: Passage, frame: Frame, on_ack: Callable[[Ack], None] | None, timeout_s: float) -> bool:
        """Take a frame; False if there was no room. It waits for the log for at most `timeout_s`, and never for the disk. Raises
        LogError when the link has failed for good."""
        with passage.sending:
            if passage.spooling and self._may_go_straight(passage):
                passage.spooling = False
            if not passage.spooling and self._straight(passage, frame, on_ack, timeout_s):
                return True
            return passage.spooling and self._through_store(passage, frame, on_ack)

    def _may_go_straight(self, passage: Passage) -> bool:
        with self.changed:
            return (
                self.link is not None
                and passage.place is not None
                and passage.is_next
                and passage.caught_up
                and not passage.is_slow
            )

    def _straight(self, passage: Passage, frame: Frame, on_ack: Callable[[Ack], None] | None, timeout_s: float) -> bool:
        """Send a frame; a stream that has to wait for too long goes through the store from here on."""
        with self.changed:
            if self.link is None or passage.place is None or (passage.is_slow and passage.store is not None):
                passage.spooling = True
                return False
            before = passage.sent
            passage.take(frame, on_ack)
        taken = False
        try:
            taken = self._send(passage, frame, before, timeout_s)
        finally:
            if not taken:
                with self.changed:
                    passage.take_back(frame)
        if taken:
            passage.refused_s = None
            return True
        now_s = time.monotonic()
        passage.refused_s = now_s - timeout_s if passage.refused_s is None else passage.refused_s
        passage.spooling = passage.store is not None and now_s - passage.refused_s >= PATIENCE_S
        return False

    def _send(self, passage: Passage, frame: Frame, before: int, timeout_s: float) -> bool:
        assert self.link is not None
        assert passage.place is not None
        with self.changed:
            passage.fly(frame.key.seq, len(frame.payload))
        taken = False
        try:
            taken = self.link.send(
                frame, passage.place.partition, partial(self._told, passage, frame.key.seq), timeout_s
            )
        finally:
            if not taken:
                with self.changed:
                    passage.turn_back(before)
        return taken

    def _through_store(self, passage: Passage, frame: Frame, on_ack: Callable[[Ack], None] | None) -> bool:
        if not self.hand_over(passage):
            return False
        with self.changed:
            passage.take(frame, on_ack)
        if self._give(passage, frame):
            return True
        with self.changed:
            passage.take_back(frame)
        return False

    # ---- into the store

    def hand_over(self, passage: Passage) -> bool:
        """Give the store what only memory holds; False while it has no room. Call it with `sending` held."""
        with self.changed:
            found = sorted((seq, waiting.frame) for seq, waiting in passage.waiting.items() if seq > passage.given)
        return (
            all(self._give(passage, frame) for seq, frame in found if seq in passage.waiting)
            and passage.store is not None
        )

    def _give(self, passage: Passage, frame: Frame) -> bool:
        store = passage.store
        if store is None or store in self._refusing:
            return False
        try:
            if not passage.stored and passage.place is not None:
                store.keep_place(passage.key, passage.place)
            elif not passage.stored and passage.labels:
                store.keep_labels(passage.key, passage.labels)
            passage.stored = True
            given = store.append(frame, partial(self._is_stored, passage, frame.key.seq))
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
            passage.given = frame.key.seq
        return given

    def _is_stored(self, passage: Passage, seq: int, ack: Ack) -> None:
        """Hear from the store's thread that a frame survives this process."""
        with self.changed:
            waiting = passage.waiting.pop(seq, None)
            passage.kept, passage.removed, passage.stored = seq, min(passage.removed, seq - 1), True
        self._acknowledge(passage, waiting, replace(ack, spooled=True))

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
            for passage in [passage for passage in self.passages.values() if passage.store is store]:
                passage.store = None
                last = min((seq for seq in passage.waiting if seq > passage.sent), default=passage.accepted + 1) - 1
                if last > passage.sent:
                    self.lost.append((WaitingRun(epoch=passage.key, first=passage.sent + 1, last=last), passage.labels))
                    lost += last - passage.sent
                    passage.sent = last
            self.changed.notify_all()
        store.set_aside()
        logger.error(
            "the spool cannot be read, and %d frames that were only there are lost: %s. Live streams wait for the log in memory "
            "from here on",
            lost,
            error,
        )

    # ---- out of the store

    def feed(self, passage: Passage, allow: Allow) -> int:
        """Send the next frames of a passage that goes through the store, and return how many. `allow`: whether so many bytes may
        leave the store now. Raises LogError."""
        if not passage.sending.acquire(blocking=False):
            return 0
        sent = 0
        try:
            for frame, stored in self._next_frames(passage):
                if passage.flying_bytes >= WINDOW_BYTES or (stored and not allow(len(frame.payload))):
                    break
                if not self._send(passage, frame, passage.sent, 0.0):
                    break
                sent += 1
        finally:
            passage.sending.release()
        return sent

    def _next_frames(self, passage: Passage) -> Iterator[tuple[Frame, bool]]:
        """Yield what follows the frame that was sent last, and whether the store has it. Memory is looked at first: what is not
        there any more is in the store by then, or was dropped."""
        with self.changed:
            after = passage.sent
            memory = sorted((seq, waiting.frame) for seq, waiting in passage.waiting.items() if seq > after)[:BATCH]
        found = False
        for frame in self._stored_frames(passage, after):
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
                passage.sent = passage.accepted  # the rest was dropped

    def _stored_frames(self, passage: Passage, after: int) -> Iterator[Frame]:
        store = passage.store
        if store is None:
            return
        try:
            yield from store.read(passage.key, after, BATCH)
        except LogBusyError:
            raise
        except FramehopError as error:
            self.lose(store, error)
            if store in self.stores:  # it is read later
                raise

    # ---- acknowledgements

    def _told(self, passage: Passage, seq: int, outcome: Ack | FramehopError) -> None:
        """Hear from the link's thread what became of a frame."""
        if isinstance(outcome, FramehopError):
            with self.changed:
                passage.failure = passage.failure or outcome
                self.changed.notify_all()
            return
        with self.changed:
            waiting = passage.waiting.pop(seq, None)
        self._acknowledge(passage, waiting, outcome)
        with self.changed:
            passage.land(seq)
            if passage.place is not None:
                passage.place = passage.place._replace(offset=outcome.pointer.offset + 1)
            self.changed.notify_all()

    def _acknowledge(self, passage: Passage, waiting: Waiting | None, ack: Ack) -> None:
        """Tell the source, unless it was told before."""
        if waiting is None:
            return
        with passage.telling:
            _call_back(waiting, ack)
        with self.changed:
            passage.acked += 1
            self.changed.notify_all()
        self.settle_account(passage)

    def settle_account(self, passage: Passage) -> None:
        """Keep the passage's account once the frames before it are acknowledged."""
        with self.changed:
            if passage.account is None or passage.acked < passage.account_at:
                return
            account, passage.account = passage.account, None
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
