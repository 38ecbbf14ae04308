"""What is remembered of a stream's source beside its frames: which pictures it has given, and ingest's account of it.

The same two tables are in the index of an embedded log and in the state of an ingest into Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import msgspec

from framehop.account import IngestAccount
from framehop.log.sqlite import rows

# origins: of the frames of a stream's newest epoch, kept beyond retention; see FrameWriter.taken.
# accounts: see IngestAccount, which json is one of.
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

ACCOUNTS = 50  # epochs of a stream whose account is kept: a source that loops for ever has no end of them


def forget_origins(db: apsw.Connection, stream: str, epoch: int) -> None:
    """Within a transaction: `epoch` is the stream's newest; of older ones nothing is gone on with."""
    rows(db, "DELETE FROM origins WHERE stream=? AND epoch<>?", (stream, epoch))


def add_origins(db: apsw.Connection, stream: str, epoch: int, origins: Iterable[tuple[int, str]]) -> None:
    """Within the transaction that says that these frames are in the log: seqs, and where each comes from."""
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
    """Within a transaction."""
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
