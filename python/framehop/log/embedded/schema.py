"""The tables of `index.db` and their version.

Few columns change per commit because every page touched is 4 KiB of write-ahead log: an append touches the frame's row, its two
index entries and the partition's next offset, and nothing else.
"""

from __future__ import annotations

APPLICATION_ID = 0x66686F70  # "fhop"
VERSION = 1
TOPIC = "frames"  # the FramePointer.topic of every embedded log

# This table was added later; see layout.py. offset: the next event to read.
READERS = """
CREATE TABLE IF NOT EXISTS readers(
    group_name TEXT PRIMARY KEY,
    "offset" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

# The reason why a frame has no picture. It is the last column, where ALTER TABLE puts it.
FRAME_ERROR = "ALTER TABLE frames ADD COLUMN error TEXT NOT NULL DEFAULT ''"

# This table was added later too. removed: how many offsets of `events` hold no event, because retention removed it or none was ever
# written. With it and the counter of AUTOINCREMENT the audit knows how many events there must be. Events missing when the table is
# added count as removed by retention.
EVENT_ACCOUNT = """
CREATE TABLE event_account(removed INTEGER NOT NULL) STRICT;
INSERT INTO event_account SELECT
    coalesce((SELECT seq FROM sqlite_sequence WHERE name='events'), 0) - (SELECT count(*) FROM events);
"""

TABLES = """
CREATE TABLE partitions(
    partition INTEGER PRIMARY KEY,
    next_offset INTEGER NOT NULL DEFAULT 0
) STRICT;

-- writer: holds locks/w.<writer> while it lives. bytes, newest_us: of a closed one.
CREATE TABLE segments(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    writer TEXT NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    newest_us INTEGER NOT NULL DEFAULT 0
) STRICT;

-- generation: one more for every opening.
CREATE TABLE streams(
    stream TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    source TEXT NOT NULL,
    pass_index INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    writer TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- position: of the record in its segment. bytes: of the payload.
CREATE TABLE frames(
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    position INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    captured_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    appended_us INTEGER NOT NULL,
    clock TEXT NOT NULL,
    content_type TEXT NOT NULL,
    keyframe INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    traceparent TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(partition, "offset")
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX frames_key ON frames(stream, epoch, seq);
CREATE INDEX frames_segment ON frames(segment);

-- AUTOINCREMENT: an offset is never used again, even after retention took the newest event.
-- events_id is UNIQUE(event_id): the id is made of these four and nothing else.
CREATE TABLE events(
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    appended_us INTEGER NOT NULL,
    json BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_id ON events(stream, epoch, seq, lane);

-- version: one more whenever members or owners of the group change, so that a look is cheap.
CREATE TABLE groups(
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE offsets(
    group_name TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(group_name, partition)
) STRICT, WITHOUT ROWID;

-- heartbeat_us: CLOCK_MONOTONIC, the same for all processes of the machine and deaf to changes of the wall clock.
CREATE TABLE members(
    instance TEXT PRIMARY KEY,
    group_name TEXT NOT NULL,
    heartbeat_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The generation is the fence: every commit checks it. instance is NULL while nobody owns the partition.
CREATE TABLE owners(
    group_name TEXT NOT NULL,
    partition INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    instance TEXT,
    PRIMARY KEY(group_name, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps(
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    last_offset INTEGER NOT NULL,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX gaps_key ON gaps(stream, epoch, last_seq);
"""
