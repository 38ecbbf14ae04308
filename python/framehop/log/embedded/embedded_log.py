"""The embedded log: a directory that several processes of one machine share."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw

from framehop import _core
from framehop.account import IngestAccount
from framehop.errors import LogError
from framehop.forks import HomeLock
from framehop.handles import Handles
from framehop.log.embedded.consumer import EmbeddedConsumer
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.disk_usage import Usage, usage
from framehop.log.embedded.event_scan import events_end, events_of
from framehop.log.embedded.frame_rows import SELECTED, address_of, meta_of
from framehop.log.embedded.layout import LogPaths, find_or_create
from framehop.log.embedded.maintenance import Maintenance
from framehop.log.embedded.membership import name_of
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.picture_check import PictureCheck
from framehop.log.embedded.presence import Presence
from framehop.log.embedded.read_only import ReadOnlyLog, is_read_only
from framehop.log.embedded.reader import EmbeddedEventReader
from framehop.log.embedded.schema import TOPIC
from framehop.log.embedded.segments import read_cold
from framehop.log.embedded.writer import EmbeddedWriter
from framehop.log.locks import is_held
from framehop.log.names import check_name
from framehop.log.source_rows import load_accounts
from framehop.log.sqlite import connect, rows, transaction, translated
from framehop.partitioning import partition_of
from framehop.protocols import (
    BeginAt,
    Delivery,
    OtherCallback,
    PartitionsCallback,
    ProgressCallback,
    Start,
    TenuresCallback,
)
from framehop.timing import now_us
from framehop.types import (
    DeadLetter,
    EventRecord,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
    PartitionLag,
    check_reader_group,
)

_P = TypeVar("_P", EmbeddedWriter, EmbeddedConsumer, EmbeddedEventReader)
_CHUNK = 512
_AFTER = f'SELECT {SELECTED} FROM frames WHERE (partition, "offset")>(?,?) ORDER BY partition, "offset" LIMIT ?'  # noqa: S608
_ONE = f'SELECT {SELECTED} FROM frames WHERE partition=? AND "offset"=?'  # noqa: S608
_BEFORE = 'SELECT "offset", appended_us FROM frames WHERE partition=? AND "offset"<? ORDER BY "offset" DESC LIMIT 1'
_OLDER = """
SELECT "offset" FROM frames WHERE partition=? AND "offset"<? AND appended_us<? ORDER BY "offset" DESC LIMIT 1
"""
_NEXT = 'SELECT "offset", appended_us FROM frames WHERE partition=? AND "offset">=? ORDER BY "offset" LIMIT 1'
_LOST_EVENTS = """
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='events'), 0)
     - (SELECT count(*) FROM events) - (SELECT coalesce(sum(removed), 0) FROM event_account)
"""
_OWNERS = "SELECT partition, instance FROM owners WHERE group_name=? AND instance IS NOT NULL"
_GAPS = "SELECT reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq FROM gaps ORDER BY id"


class EmbeddedLog:
    """The FrameLog in a directory. Thread-safe. `close` also closes the writers, consumers and readers made from it.

    Start processes that use it by spawn, never by fork: a fork inherits locks and mappings that it must not have.
    """

    def __init__(self, root: Path, *, create: bool = True, options: LogOptions | None = None) -> None:
        options = options or LogOptions()
        self._root = root.absolute()
        self._copy = ReadOnlyLog(self._root) if is_read_only(self._root) else None
        try:
            paths = LogPaths(self._copy.root if self._copy else self._root)
            self._context = _context_of(paths, LogPaths(self._root), options, create=create)
            self._db = connect(self._context.paths.index)
        except BaseException:
            if self._copy is not None:
                self._copy.close()
            raise
        self._lock = HomeLock(f"the log {self.url} is")
        self._handles = Handles(self.url)

    @property
    def url(self) -> str:
        return str(self._root)

    @property
    def partitions(self) -> int:
        return self._context.partitions

    @property
    def delivery(self) -> Delivery:
        return "exactly-once"

    def writer(self) -> EmbeddedWriter:
        self._check_writable()
        return self._handles.keep(EmbeddedWriter(self._context))

    def consumer(
        self,
        group: str,
        *,
        member: str,
        start: Start = "beginning",
        begin_at: BeginAt | None = None,
        on_assign: TenuresCallback | None = None,
        on_revoke: PartitionsCallback | None = None,
    ) -> EmbeddedConsumer:
        self._check_writable()
        check_name("group", group)
        check_name("member", member)
        return self._handles.keep(
            EmbeddedConsumer(
                self._context,
                group,
                member=member,
                start=start,
                begin_at=begin_at,
                on_assign=on_assign,
                on_revoke=on_revoke,
            )
        )

    def look_back(self, partition: Partition, offset: int, within_us: int) -> Iterator[FrameMeta]:
        newest = self._rows(_BEFORE, (partition.number, offset))
        if not newest:
            return
        last, appended_us = newest[0]
        older = self._rows(_OLDER, (partition.number, last, appended_us - within_us))
        at: tuple[Any, ...] = (partition.number, older[0][0] if older else -1)
        while at[1] < last and (found := self._rows(_AFTER, (*at, min(_CHUNK, last - at[1])))):
            yield from (meta for meta in map(meta_of, found) if meta.pointer.offset <= last)
            at = found[-1][:2]

    def members(self, group: str, count: int) -> list[str]:
        """Return names that belong to this process. Its partitions are free the moment it dies, so no later process needs the
        names."""
        return [f"{socket.gethostname()}-{os.getpid()}-{index}" for index in range(count)]

    def events(
        self, *, start: Start = "beginning", since_us: int | None = None, group: str = ""
    ) -> EmbeddedEventReader:
        self._check_writable() if group else self._check_open()
        return self._handles.keep(
            EmbeddedEventReader(self._context, start, since_us, check_reader_group(group) if group else "")
        )

    def events_of(self, partition: Partition, since: int) -> Iterator[EventRecord]:
        return events_of(self._rows, partition, since)

    def events_end(self, partition: Partition) -> int:
        return events_end(self._rows)

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        at: tuple[Any, ...] = (-1, -1)
        while found := self._rows(_AFTER, (*at, _CHUNK)):
            yield from (meta_of(row) for row in found)
            at = found[-1][:2]

    def read_frame(self, pointer: FramePointer) -> FrameRecord | None:
        found = self._rows(_ONE, (pointer.partition, pointer.offset))
        if not found:
            return None
        meta, address = meta_of(found[0]), address_of(found[0])
        path = self._context.paths.segment(address.segment)
        with translated(path):
            payload = read_cold(path, address.position, meta.payload_bytes)
        # Retention may have taken both since we read the row, which is no loss.
        if payload is None and not self._rows(_ONE, (pointer.partition, pointer.offset)):
            return None
        return FrameRecord(meta=meta, payload=payload)

    def dead_letters(self, lane: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over the failed events."""
        with self.events() as reader:
            for event in (record.event for record in reader):
                if event.outcome == "failed" and lane in (None, event.lane):
                    yield DeadLetter.of_event(event)

    def gaps(self) -> list[Gap]:
        return [
            Gap(
                reason=reason,
                topic=TOPIC,
                partition=partition,
                first_offset=first_offset,
                last_offset=last_offset,
                stream=stream,
                epoch=epoch,
                first_seq=first_seq,
                last_seq=last_seq,
            )
            for reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq in self._rows(_GAPS)
        ]

    def ingest_accounts(self) -> list[IngestAccount]:
        with self._lock:
            self._check_open()
            with translated(self._context.paths.index):
                return load_accounts(self._db)

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        return iter(PictureCheck(self._context.paths, self._rows, on_progress))

    def lost_events(self) -> int:
        """Count the offsets that hold no event although retention did not remove one; every offset was given to an event once."""
        return max(0, int(self._rows(_LOST_EVENTS)[0][0]))

    def known_streams(self) -> dict[str, Partition]:
        """Return every stream that was ever written."""
        names = (name for (name,) in self._rows("SELECT stream FROM streams"))
        return {name: Partition(TOPIC, partition_of(name, self.partitions)) for name in names}

    def usage(self) -> Usage:
        """Return how much the pictures take and may take."""
        with self._lock:
            self._check_open()
            with translated(self._context.paths.frames):
                return usage(self._db, self._context.paths, self._context.options)

    def end_offsets(self) -> dict[Partition, int]:
        found = self._rows("SELECT partition, next_offset FROM partitions")
        return {Partition(TOPIC, number): offset for number, offset in found}

    def committed(self, group: str) -> dict[Partition, int]:
        found = self._rows('SELECT partition, "offset" FROM offsets WHERE group_name=?', (group,))
        self._context.presence.check()  # who waits for a group must not wait for that of a removed log
        return {Partition(TOPIC, number): offset for number, offset in found}

    def lag(self, group: str) -> list[PartitionLag]:
        committed, owners, now = self.committed(group), self._owners(group), now_us()
        return [
            self._lag(partition, end, committed.get(partition), owners.get(partition.number, ""), now)
            for partition, end in self.end_offsets().items()
        ]

    def _owners(self, group: str) -> dict[int, str]:
        """Return the living owner's name by partition. A stopped member keeps a partition until another takes it."""
        found = self._rows(_OWNERS, (group,))
        held = {instance for _, instance in found if is_held(self._context.paths.member_lock(instance))}
        return {number: name_of(instance) for number, instance in found if instance in held}

    def _lag(self, partition: Partition, end: int, committed: int | None, owner: str, now: int) -> PartitionLag:
        found = self._rows(_NEXT, (partition.number, committed or 0))
        offset, appended_us = found[0] if found and found[0][0] < end else (end, now)
        return PartitionLag(
            topic=partition.topic,
            partition=partition.number,
            end=end,
            committed=committed,
            messages=end - offset,
            seconds=max(0, now - appended_us) / 1e6 if offset < end else None,
            owner=owner,
        )

    def forget_group(self, group: str) -> None:
        """Delete a group's offsets, so that retention need not keep frames for it.

        Raises LogError while a member of it lives.
        """
        self._check_writable()
        with self._lock:
            self._check_open()
            with transaction(self._db, self._context.paths.index):
                self._refuse_living(group)
                rows(self._db, "DELETE FROM offsets WHERE group_name=?", (group,))
                rows(self._db, "DELETE FROM owners WHERE group_name=?", (group,))
                rows(self._db, "DELETE FROM members WHERE group_name=?", (group,))
                rows(self._db, "DELETE FROM groups WHERE name=?", (group,))
                rows(self._db, "DELETE FROM readers WHERE group_name=?", (group,))

    def watch(self, db: apsw.Connection) -> None:
        """Keep the write-ahead log small whatever is committed through `db`, a connection of the caller's own."""
        self._context.maintenance.watch(db)

    def close(self) -> None:
        self._close(failed=False)

    def _close(self, *, failed: bool) -> None:
        with ExitStack() as rest:  # it is closed too where a handle fails
            rest.callback(self._close_own)
            if not self._handles.close(failed=failed):
                rest.pop_all()

    def _close_own(self) -> None:
        self._context.maintenance.close()
        with self._lock:  # another thread may be reading a frame
            self._db.close()
        self._context.bell.close()
        if self._copy is not None:
            self._copy.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close(failed=exc[0] is not None)

    def _refuse_living(self, group: str) -> None:
        for (instance,) in rows(self._db, "SELECT instance FROM members WHERE group_name=?", (group,)):
            if is_held(self._context.paths.member_lock(instance)):
                raise LogError(f"group {group} has a living member, {instance}: end it first")

    def _check_writable(self) -> None:
        self._check_open()
        if self._copy is not None:
            raise LogError(f"{self.url} cannot be written: its disk is mounted read-only, or these rights are missing")

    def _check_open(self) -> None:
        self._handles.check_open()

    def _rows(self, sql: str, args: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            self._check_open()
            with translated(self._context.paths.index):
                return rows(self._db, sql, args)


def _context_of(paths: LogPaths, named: LogPaths, options: LogOptions, *, create: bool) -> LogContext:
    """Open what lies at `paths`. `named`: where the user has the log, if that is a copy."""
    partitions = find_or_create(paths, create=create, partitions=options.partitions)
    with translated(named.index):
        presence = Presence(named)
    return LogContext(
        paths=paths,
        options=options,
        partitions=partitions,
        presence=presence,
        bell=_core.Bell(str(paths.bell)),
        maintenance=Maintenance(paths, options, presence),
    )
