"""Ingest's memory of each stream on disk: epoch, topic and partition, the last acknowledged seq and where it lies.

There is one SQLite file per log and user. It says where to look, not what is there: after a crash the writer reads its partition
from the remembered offset on and believes what it finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from framehop.account import IngestAccount
from framehop.errors import StreamBusyError
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.url import KafkaUrl
from framehop.log.locks import FileLock, holder_of
from framehop.log.source_rows import SOURCE_TABLES, add_origins, forget_origins, load_accounts, origins_of, save_account
from framehop.log.sqlite import open_file, row, rows, transaction, translated

FILE = "ingest.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS streams(
    stream TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    source TEXT NOT NULL,
    pass_index INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    topic TEXT NOT NULL DEFAULT ''
) STRICT
"""
_TOPIC = "ALTER TABLE streams ADD COLUMN topic TEXT NOT NULL DEFAULT ''"  # rows from before there were several topics name none
_COLUMNS = 'epoch, source, pass_index, finished_us, partition, seq, "offset", topic'


@dataclass(slots=True, kw_only=True)
class Acknowledged:
    """The last frame of a stream that the broker has, and where it lies. `origins`: those of this frame and the earlier ones that
    are not yet written down."""

    epoch: int
    seq: int = -1
    offset: int = -1
    origins: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStream:
    """The row of a stream. `topic`, `partition`: where the epoch lies. `seq`, `offset`: those of the last frame known to be
    acknowledged; -1 and the partition's end at that time if there is none yet. `finished_us`: when its finite source ended, 0
    before."""

    epoch: int
    source: str
    pass_index: int
    finished_us: int
    topic: str
    partition: int
    seq: int
    offset: int


def state_directory(url: KafkaUrl, options: KafkaOptions) -> Path:
    """Return this log's directory on this host, made if it is missing, with access for its owner only."""
    path = _state_path(url, options)
    with translated(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _state_path(url: KafkaUrl, options: KafkaOptions) -> Path:
    root = Path(options.state_dir) if options.state_dir else Path.home() / ".local" / "state" / "framehop"
    name = hashlib.sha256(str(url).encode()).hexdigest()[:16]
    return root.absolute() / f"kafka-{name}"


def accounts_of(url: KafkaUrl, options: KafkaOptions) -> list[IngestAccount]:
    """Return the accounts of this user's ingests into this log on this host; none where there was no ingest."""
    path = _state_path(url, options)
    if not (path / FILE).exists():
        return []
    store = StreamStore(path, url.frames)
    try:
        return store.accounts()
    finally:
        store.close()


class StreamStore:
    """The rows of all streams. Use from one thread at a time."""

    def __init__(self, directory: Path, topic: str) -> None:
        """Open the store. `topic`: where the streams lie that were written when a log had one topic for frames. Raises LogError,
        and ProcessError in a child of a process that had it open at the fork."""
        self._topic = topic
        self._directory = directory
        self._path = directory / FILE
        with translated(self._path):
            self._db = open_file(self._path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            rows(self._db, "PRAGMA journal_mode=WAL")
            rows(self._db, "PRAGMA synchronous=NORMAL")
            rows(self._db, _TABLE)
            rows(self._db, SOURCE_TABLES)
        with transaction(self._db, self._path):
            if "topic" not in {column[1] for column in rows(self._db, "PRAGMA table_info(streams)")}:
                rows(self._db, _TOPIC)

    def lock(self, stream: str) -> FileLock:
        """Become the stream's one writer on this host. Raises StreamBusyError."""
        path = self._directory / f"stream.{stream}.lock"
        with translated(path):
            lock = FileLock.try_acquire(path)
        if lock is None:
            raise StreamBusyError(
                f"stream {stream} is being written by process {holder_of(path)}: stop it, or name this source otherwise "
                "with --stream"
            )
        return lock

    def load(self, stream: str) -> StoredStream | None:
        with translated(self._path):
            found = row(self._db, f"SELECT {_COLUMNS} FROM streams WHERE stream=?", (stream,))  # noqa: S608
        if found is None:
            return None
        epoch, source, pass_index, finished_us, partition, seq, offset, topic = found
        return StoredStream(
            epoch=epoch,
            source=source,
            pass_index=pass_index,
            finished_us=finished_us,
            topic=topic or self._topic,
            partition=partition,
            seq=seq,
            offset=offset,
        )

    def save(self, stream: str, state: StoredStream, origins: Iterable[tuple[int, str]] = ()) -> None:
        """Save a stream's row. `origins`: those of frames up to `state.seq` that are not stored yet."""
        values = (
            state.epoch,
            state.source,
            state.pass_index,
            state.finished_us,
            state.partition,
            state.seq,
            state.offset,
            state.topic,
        )
        with transaction(self._db, self._path):
            rows(
                self._db,
                f"INSERT OR REPLACE INTO streams(stream, {_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?)",
                (stream, *values),
            )
            forget_origins(self._db, stream, state.epoch)
            add_origins(self._db, stream, state.epoch, origins)

    def move(self, acknowledged: Mapping[str, Acknowledged]) -> None:
        """Move the rows to the frames acknowledged last. A stream whose row is of another epoch is left alone."""
        with transaction(self._db, self._path):
            for stream, last in acknowledged.items():
                rows(
                    self._db,
                    'UPDATE streams SET seq=?, "offset"=? WHERE stream=? AND epoch=? AND seq<?',
                    (last.seq, last.offset, stream, last.epoch, last.seq),
                )
                if self._db.changes():
                    add_origins(self._db, stream, last.epoch, last.origins)

    def taken(self, stream: str, epoch: int) -> frozenset[str]:
        with translated(self._path):
            return origins_of(self._db, stream, epoch)

    def keep_account(self, account: IngestAccount) -> None:
        with transaction(self._db, self._path):
            save_account(self._db, account)

    def accounts(self) -> list[IngestAccount]:
        with translated(self._path):
            return load_accounts(self._db)

    def close(self) -> None:
        self._db.close()
