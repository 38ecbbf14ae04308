"""A log's memory of a stream's source beside its frames: the pictures it has given, and ingest's account of it.

The same two tables are in the index of an embedded log and in the state of an ingest into Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import msgspec

from framehop.account import IngestAccount
from framehop.log.sqlite import rows

# Table origins: those of the frames of a stream's newest epoch, kept beyond retention; see FrameWriter.taken.
# Table accounts: each json is an IngestAccount.
SOURCE_TABLES = """
CREATE TABLE IF NOT EXISTS origins(
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY(stream, epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts(
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY(stream, epoch)
) STRICT, WITHOUT ROWID;
"""

ACCOUNTS = 50  # epochs of a stream whose accounts are kept; a source that loops for ever has no end of epochs


def forget_origins(db: apsw.Connection, stream: str, epoch: int) -> None:
    """Delete the origins of all epochs but `epoch`, the newest: older ones are never continued. Call within a transaction."""
    rows(db, "DELETE FROM origins WHERE stream=? AND epoch<>?", (stream, epoch))


def add_origins(db: apsw.Connection, stream: str, epoch: int, origins: Iterable[tuple[int, str]]) -> None:
    """Add origins by seq, within the transaction that records that these frames are in the log."""
    for seq, origin in origins:
        rows(
            db,
            "INSERT OR REPLACE INTO origins(stream, epoch, seq, origin) VALUES(?,?,?,?)",
            (stream, epoch, seq, origin),
        )


def origins_of(db: apsw.Connection, stream: str, epoch: int) -> frozenset[str]:
    found = rows(db, "SELECT origin FROM origins WHERE stream=? AND epoch=?", (stream, epoch))
    return frozenset(origin for (origin,) in found)


def save_account(db: apsw.Connection, account: IngestAccount) -> None:
    """Save an account and drop the oldest beyond the limit. Call within a transaction."""
    rows(
        db,
        "INSERT OR REPLACE INTO accounts(stream, epoch, json) VALUES(?,?,?)",
        (account.stream, account.epoch, msgspec.json.encode(account)),
    )
    rows(
        db,
        "DELETE FROM accounts WHERE stream=?1 AND epoch NOT IN"
        " (SELECT epoch FROM accounts WHERE stream=?1 ORDER BY epoch DESC LIMIT ?2)",
        (account.stream, ACCOUNTS),
    )


def load_accounts(db: apsw.Connection) -> list[IngestAccount]:
    found = rows(db, "SELECT json FROM accounts ORDER BY stream, epoch")
    return [msgspec.json.decode(raw, type=IngestAccount) for (raw,) in found]
